"""Commands to the learner, as signed records among the examples.

They travel in the learner's own log, so that they are carried out at one place among the examples,
whoever learns, and again at that place by whoever learns it again. They are signed as control
records are: who may only produce events must not choose models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import schemas
from afflux.names import ModelName
from models.commands import ACTIONS, Action, Command
from streams.control_signing import SIGNATURE, sign, verify
from streams.framing import SINGLE_OBJECT
from streams.message_writer import writer
from streams.ports import Message
from streams.topics import TRAINING_EXAMPLES
from streams.updates import DecodeError, decode

PARTITION = 0
"""What a model learns has one order: the topic has one partition."""

_FRAMES = tuple(SINGLE_OBJECT + schema.fingerprint for schema in schemas.versions("ModelCommand"))
_VERSION = re.compile(r"[0-9a-f]{16}")


def command_message(command: Command, secret: bytes, issued_at: int) -> Message:
    """The record of a command; `issued_at` in ms since epoch."""
    out = writer("ModelCommand")
    row = {
        "id": command.id, "action": command.action, "model": command.model,
        "challenger": command.challenger, "hold": command.hold, "issuedAt": issued_at,
        "version": f"{command.version:016x}" if command.version else "",
    }  # fmt: skip
    value, key = out.write(out.columns([row]))[0], command.model.encode()
    signature = sign(secret, TRAINING_EXAMPLES.name, PARTITION, key, value)
    return Message(TRAINING_EXAMPLES.name, key, value, PARTITION, [(SIGNATURE, signature)])


def places_of_others(values: Sequence[bytes | None]) -> list[int]:
    """Which of these records of `training-examples` are no examples.

    Commands, and null values: people to forget.
    """
    return [i for i, value in enumerate(values) if value is None or value[:10] in _FRAMES]


def read_command(
    secret: bytes, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]
) -> Command:
    """The command of a record. Raises DecodeError: not signed by us, or none that we know."""
    signature = next((v for name, v in headers if name == SIGNATURE), b"")
    if not verify(secret, TRAINING_EXAMPLES.name, PARTITION, key, value, signature):
        raise DecodeError(f"the header {SIGNATURE} is not the signature of this command")
    fields: dict[str, Any] = decode("ModelCommand", value)
    action, version = fields["action"], fields["version"]
    if action not in ACTIONS:
        raise DecodeError(f"the action {action!r} is none of {', '.join(ACTIONS)}")
    if version and not _VERSION.fullmatch(version):
        raise DecodeError(f"the version {version!r} is not 16 hex digits")
    return Command(
        fields["id"], cast(Action, action), ModelName(fields["model"]), fields["challenger"],
        int(version or "0", 16), fields["hold"],
    )  # fmt: skip
