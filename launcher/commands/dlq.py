"""`afflux dlq`: what was rejected, why, and once more after a fix."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from launcher.compose import registry_of, stream_settings
from launcher.connect import with_kafka
from launcher.console import out, plain, print_json
from launcher.declared import declared_or_built_in
from launcher.errors import LauncherError
from launcher.settings import Settings

if TYPE_CHECKING:
    from launcher.copying import Copied
    from streams.consume import Record
    from streams.dead_letter_codec import DeadLetter

dlq = typer.Typer(help="Rejected records: list, show, replay.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only this code; repeatable.")]


@dlq.command("list")
def list_letters(
    code: Codes = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the newest rejected records, and how many there are of each code."""
    wanted = _codes(code)
    letters = list(read_letters(with_kafka(), wanted))
    letters.sort(key=lambda letter: (letter.timestamp, letter.id))
    shown = letters[-limit:]
    if as_json:
        for letter in shown:
            print_json(as_dict(letter))
        return
    if not letters:
        plain("no dead letters")
        return
    out().print(letters_table(shown))
    counts = Counter(letter.code.name for letter in letters)
    plain("")
    for name, count in counts.most_common():
        plain(f"{count:>8,}  {name}")


@dlq.command()
def show(
    where: Annotated[
        str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="As `dlq list` names it.")
    ],
    as_json: Json = False,
) -> None:
    """Show one rejected record: why, its headers, its content as far as it can be read."""
    _check_place(where)
    settings = with_kafka()
    found = next((x for x in read_letters(settings, set()) if place(x) == where), None)
    if found is None:
        raise _no_letter(where)
    content = as_dict(found) | {"content": _content(found, settings)}
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        if name != "content":
            plain(f"{name:<10} {value}")
    body = content["content"]
    plain("content    " + (body if isinstance(body, str) else json.dumps(body, indent=2)))


@dlq.command()
def replay(
    code: Codes = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="TOPIC/PARTITION/OFFSET", help="Only this; repeatable."),
    ] = None,
) -> None:
    """Send rejected records to their topic once more, after what was wrong has been put right.

    Value and headers are the original ones; the key is the primary identity where it can be read
    (so that what was in a wrong partition comes into the right one). Each is sent once, however
    often this is run.
    """
    from launcher.commands.rekey import Rekeyer, key_reader
    from launcher.copying import Copy
    from streams.dataset_topics import inputs
    from streams.topics import dead_letters

    wanted, places = _codes(code), set(where or ())
    for one in places:
        _check_place(one)
    settings = with_kafka()
    if places:
        known = {place(letter) for letter in read_letters(settings, set())}
        for missing in sorted(places - known):
            raise _no_letter(missing)
    rekeyer = Rekeyer(settings.partitions, key_reader(registry_of(settings.registry)))
    for topic in inputs(declared_or_built_in(settings)):

        def choose(records: Sequence[Record]) -> Iterable[Copied | None]:
            return [_replayed(record, wanted, places, rekeyer) for record in records]

        copy = Copy(
            stream_settings(settings), dead_letters(topic).name, topic.name, settings.data_dir,
            whole=False,
        )  # fmt: skip
        result = copy.run(choose)
        there = f", {result.there:,} had been before" if result.there else ""
        plain(f"replayed {result.copied:,} records to {topic.name}{there}")


def read_letters(settings: Settings, codes: set[str]) -> Iterator[DeadLetter]:
    """All dead letters that the topics have, of these codes (none: of all)."""
    from streams.dead_letters import dead_letter_topics, read_dead_letters

    known = declared_or_built_in(settings).by_number
    topics = dead_letter_topics(one.topic for one in known)
    for letter in read_dead_letters(stream_settings(settings), topics):
        if not codes or letter.code.name in codes:
            yield letter


def letters_table(letters: Iterable[DeadLetter]) -> Table:
    """A row a dead letter."""
    table = Table("record", "code", "field", "why", box=None, header_style="bold", pad_edge=False)
    for letter in letters:
        table.add_row(place(letter), letter.code.name, letter.pointer, letter.message)
    return table


def place(letter: DeadLetter) -> str:
    """Where the rejected record lay."""
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def as_dict(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as plain values, without its content."""
    return {
        "record": place(letter),
        "code": letter.code.name,
        "field": letter.pointer,
        "why": letter.message,
        "schema": letter.schema,
        "timestamp": letter.timestamp,
        "key": None if letter.key is None else letter.key.decode("utf-8", "backslashreplace"),
        "bytes": None if letter.value is None else len(letter.value),
        "headers": {name: value.decode("utf-8", "replace") for name, value in letter.headers},
    }


def _content(letter: DeadLetter, settings: Settings) -> Any:
    from streams.updates import DecodeError, decode_any

    if letter.value is None:
        return "null"
    try:
        return decode_any(letter.value, registry_of(settings.registry))[1]
    except DecodeError:
        return letter.value.hex(" ", 2)


def _replayed(record: Record, codes: set[str], places: set[str], rekeyer: Any) -> Copied | None:
    from dataclasses import replace

    from streams.dead_letter_codec import DeadLetterError, decode_dead_letter

    try:
        letter = decode_dead_letter(record.key, record.value, record.headers)
    except DeadLetterError:
        return None
    if (codes and letter.code.name not in codes) or (places and place(letter) not in places):
        return None
    copied: Copied = rekeyer.one(replace(record, headers=letter.headers))
    return copied


def _check_place(where: str) -> None:
    topic, partition, offset = [*where.rsplit("/", 2), "", ""][:3]
    if not (topic and partition.isdigit() and offset.isdigit()):
        raise LauncherError(
            f"{where} is no record", hint="it is TOPIC/PARTITION/OFFSET, as `afflux dlq list` says"
        )


def _no_letter(where: str) -> LauncherError:
    return LauncherError(f"there is no dead letter {where}", hint="`afflux dlq list` names them")


def _codes(names: list[str] | None) -> set[str]:
    from afflux.codes import REJECTED

    known = {code.name for code in REJECTED}
    for name in names or ():
        if name not in known:
            raise LauncherError(
                f"there is no code {name}", hint=f"codes: {', '.join(sorted(known))}"
            )
    return set(names or ())
