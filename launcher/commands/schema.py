"""`afflux schema`: schemas of one's own, from the first draft to the registry."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from launcher.console import plain, print_json, report
from launcher.errors import LauncherError

schema = typer.Typer(help="Compose, compare, read and register schemas.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
What = Annotated[str, typer.Argument(metavar="FILE|CONTRACT", help="An .avsc file, or a contract.")]


class KindOf(StrEnum):
    """What the schema is of."""

    event = "event"
    record = "record"


class SchemaFileError(LauncherError):
    """The file cannot be read, or is no schema."""

    exit_code = 5


class RuleBroken(LauncherError):
    """The schema may not follow the one that was released, or workers cannot read it."""

    exit_code = 6


@schema.command()
def new(
    file: Annotated[Path, typer.Argument(help="The .avsc file that is written.")],
    kind: Annotated[KindOf, typer.Option(help="Events, or attribute records.")] = KindOf.event,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Field group: commerce, web, device, marketing, custom; attributes."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:TYPE[:DOC]", help="Field of your own, such as plan:string."),
    ] = None,
    doc: Annotated[str, typer.Option(help="What the events or records are.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a schema of the core, the groups that you name, and your own fields.

    Workers read it as it is: it is an additive version of the contract. docs/schema.md
    """
    from schemas.composing import CompositionError, OwnField, compose

    if file.exists() and not force:
        raise LauncherError(f"{file} is there already", hint="--force overwrites it")
    try:
        text = compose(kind.value, group or [], [OwnField.parse(f) for f in field or ()], doc)
    except CompositionError as error:
        raise LauncherError(str(error), hint="docs/schema.md has the groups and types") from None
    _check_readable(str(file), text)
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise LauncherError(f"{file} cannot be written: {error.strerror}") from None
    plain(f"wrote {file}, {len(json.loads(text)['fields'])} fields")


@schema.command()
def show(what: What) -> None:
    """Show a schema as a tree."""
    from schemas.tree import tree

    for line in tree(_text(what)):
        plain(line)


@schema.command()
def check(
    what: What,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|CONTRACT", help="What it follows; the released version if not given."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether a schema may follow the released one, and whether workers can read it.

    Fields are added with a default, and nothing else changes. Each break of a rule is told with
    its place; the exit code is 6 then.
    """
    from schemas.evolution import problems

    text = _text(what)
    if against is not None:
        older, name, optional = _text(against), against, set[str]()
    else:
        older, name = _released(what, text)
        optional = _left_out(text) if Path(what).exists() else set()
    found = [
        {"rule": str(p.rule), "path": p.path or "/", "message": p.message}
        for p in problems(older, text)
        if not (p.rule == "removed" and p.path in optional)
    ]
    found += _unreadable(text)
    if as_json:
        print_json({"schema": what, "against": name, "problems": found})
    for problem in found:
        report(f"{problem['rule']} at {problem['path']}: {problem['message']}")
    if found:
        raise RuleBroken(
            f"{what} may not follow {name}: {len(found)} broken rules",
            hint="add fields at the end, with a default; leave the others as they are",
        )
    if not as_json:
        plain(f"{what} may follow {name}")


@schema.command()
def register(
    what: What,
    subject: Annotated[str, typer.Option(help="Subject in the registry, such as TOPIC-value.")],
    as_json: Json = False,
) -> None:
    """Register a schema, after it has been compared with the newest version of its subject."""
    from launcher.compose import registry_options
    from launcher.settings import load
    from schemas.evolution import problems
    from streams.registering import Registrar, SchemaRefused

    text = _text(what)
    _check_readable(what, text)
    settings = load().registry
    if not settings.url:
        raise LauncherError(
            "no registry: AFFLUX_REGISTRY_URL is not set", hint="set it, such as http://host:8081"
        )
    registrar = Registrar(settings.url, registry_options(settings))
    before = registrar.latest(subject)
    broken = problems(before.text, text) if before is not None else []
    if before is not None and broken:
        for problem in broken:
            report(f"{problem.rule} at {problem.path or '/'}: {problem.message}")
        raise RuleBroken(
            f"{what} may not follow version {before.version} of {subject}: nothing was registered",
            hint="add fields at the end, with a default; or choose another subject",
        )
    try:
        found = registrar.register(subject, text)
    except SchemaRefused as error:
        raise RuleBroken(
            str(error), hint="the registry has a rule of its own for the subject"
        ) from None
    if as_json:
        print_json({"subject": subject, "version": found.version, "id": found.schema_id})
    else:
        plain(f"{subject}: version {found.version}, id {found.schema_id}")


def _text(what: str) -> str:
    """The text of a file, or of a contract by its name."""
    import schemas

    path = Path(what)
    if not path.exists() and what in schemas.NAMES:
        return schemas.load(what).json
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaFileError(
            f"{what} cannot be read: {error.strerror}",
            hint=f"a file, or one of {', '.join(schemas.NAMES)}",
        ) from None
    except UnicodeDecodeError:
        raise SchemaFileError(f"{what} is not UTF-8") from None
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise SchemaFileError(f"{what} is no JSON: {error}") from None
    try:
        schemas.schema_from_json(what, text)
    except Exception as error:  # fastavro raises whatever it stumbles over
        why = str(error) or type(error).__name__
        raise SchemaFileError(f"{what} is no Avro schema: {why}") from None
    if not isinstance(content, dict) or not isinstance(content.get("fields"), list):
        raise SchemaFileError(f"{what} is no record", hint="a record has a name and `fields`")
    return text


def _released(what: str, text: str) -> tuple[str, str]:
    """The newest release of the contract that a schema is of, and its name."""
    import schemas

    name = json.loads(text).get("name")
    for release in reversed(schemas.releases()):
        for one in schemas.released(release):
            if one.name == name:
                return one.json, f"{name} of release {release}"
    raise LauncherError(
        f"{what} is a {name}, of which nothing is released",
        hint="--against FILE says which schema it follows",
    )


def _left_out(text: str) -> set[str]:
    """Places of whole field groups, which a schema of one's own need not have."""
    from schemas.composing import CONTRACTS, GROUPS

    name = json.loads(text).get("name")
    kinds = [kind for kind, contract in CONTRACTS.items() if contract == name]
    return {f"/{field}" for kind in kinds for fields in GROUPS[kind].values() for field in fields}


def _unreadable(text: str) -> list[dict[str, str]]:
    from streams.readable import unreadable

    why = unreadable(text)
    return [] if why is None else [{"rule": "unreadable", "path": why[0] or "/", "message": why[1]}]


def _check_readable(what: str, text: str) -> None:
    found = _unreadable(text)
    if found:
        raise RuleBroken(f"workers cannot read {what}: {found[0]['path']}: {found[0]['message']}")
