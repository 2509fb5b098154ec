"""`afflux models promote`, `rollback`, `resume`: commands to the running learner.

A command is a signed record in the learner's own log. It is carried out at its place there, once,
and what came of it stands in the history of the model.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.commands.models_history import Json, Name
from launcher.compose import secret_of, stream_settings
from launcher.connect import connected
from launcher.console import print_json, say
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.model_registry import Version
    from launcher.settings import Settings
    from models.commands import Command
    from models.contract import Model
    from models.history import Entry

Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for the learner; 0: do not.")
]
_POLL_S = 0.25


def promote(
    name: Name,
    challenger: Annotated[str, typer.Argument(help="The challenger to serve.")],
    wait: Wait = 30.0,
    as_json: Json = False,
) -> None:
    """Let a challenger serve; the one that served goes on learning in its shadow."""
    from models.commands import Command

    settings = connected()
    model = _named(settings, name)
    command = Command(uuid.uuid4().hex, "promote", model.spec.name, challenger=challenger)
    _carry_out(settings, model, command, wait, as_json)


def rollback(
    name: Name,
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION", help="The version; see `models history`.")
    ] = "",
    hold: Annotated[
        bool, typer.Option("--hold", help="Serve it as it is, without learning, until `resume`.")
    ] = False,
    wait: Wait = 30.0,
    as_json: Json = False,
) -> None:
    """Serve an older snapshot again, and learn on from it.

    Without --to: the last one that another recipe than now served. What the examples since then
    have taught is forgotten; figures, history and the place in the log stay.
    """
    from launcher.model_registry import versions_of
    from models.commands import Command

    settings = connected()
    model = _named(settings, name)
    target = _target(versions_of(settings, model), to, name)
    command = Command(
        uuid.uuid4().hex, "rollback", model.spec.name, version=int(target.version, 16), hold=hold
    )
    _carry_out(settings, model, command, wait, as_json)


def resume(name: Name, wait: Wait = 30.0, as_json: Json = False) -> None:
    """Let a model that is held since a rollback learn again."""
    from models.commands import Command

    settings = connected()
    model = _named(settings, name)
    command = Command(uuid.uuid4().hex, "resume", model.spec.name)
    _carry_out(settings, model, command, wait, as_json)


def _named(settings: Settings, name: str) -> Model:
    from launcher.model_registry import model_named

    return model_named(settings, name)


def _target(versions: list[Version], to: str, name: str) -> Version:
    hint = f"`afflux models history {name}` lists the versions"
    if to:
        found = [v for v in versions if v.version == to]
        if not found:
            raise LauncherError(f"{name} has no version {to}", hint=hint)
        return found[0]
    current = next((v for v in versions if v.current), None)
    if current is None:
        raise LauncherError(f"{name} has no snapshot yet")
    serving = current.about.get("champion")
    older = versions[versions.index(current) + 1 :]
    other = next((v for v in older if v.about.get("champion") != serving), None)
    if other is None:
        raise LauncherError(f"{name} has always been served by {serving}: say --to", hint=hint)
    return other


def _carry_out(
    settings: Settings, model: Model, command: Command, wait: float, as_json: bool
) -> None:
    from streams.bulk import BulkProducer
    from streams.model_commands import command_message

    message = command_message(command, secret_of(settings), round(time.time() * 1000))
    producer = BulkProducer(stream_settings(settings))
    producer.produce(
        message.topic, message.key, message.value, message.headers, partition=message.partition
    )
    producer.flush()
    said: dict[str, Any] = {"command": command.id, "asked": command.words()}
    found = _await(settings, model, command.id, wait)
    if found is None:
        said["state"] = "sent"
        _tell(said, as_json, f"sent: {command.words()}; the learner does it when it comes to it")
        if wait:
            raise LauncherError(
                f"no learner has carried it out within {wait:g} s",
                hint="it is in the log and will be; is a worker running that learns?",
            )
        return
    entry, version = found
    said |= {
        "state": "refused" if entry.kind == "refusal" else "done",
        "version": version, "entry": entry.as_json(),
    }  # fmt: skip
    if entry.kind == "refusal":
        if as_json:
            print_json(said)
        raise LauncherError(entry.text)
    _tell(said, as_json, f"{entry.text} (snapshot {version})")


def _tell(said: dict[str, Any], as_json: bool, text: str) -> None:
    if as_json:
        print_json(said)
    else:
        say(text)


def _await(
    settings: Settings, model: Model, command: str, seconds: float
) -> tuple[Entry, str] | None:
    """What came of the command and the snapshot that has it; None: nothing so far."""
    from launcher.model_registry import known_models
    from models.envelope import version_name

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        (known,) = known_models(settings, [model])
        entries = () if known.snapshot is None else known.snapshot.history
        found = next((entry for entry in entries if entry.command == command), None)
        if found is not None:
            return found, version_name(known.version)
        time.sleep(_POLL_S)
    return None
