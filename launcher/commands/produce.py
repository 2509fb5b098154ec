"""`afflux produce`: JSON lines into Kafka."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afflux.datasets import BUILT_IN, Declaration
from afflux.names import Dataset
from launcher.compose import stream_settings
from launcher.connect import with_kafka
from launcher.console import plain, report, say
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.json_lines import Encode, Encoded, Problem
    from launcher.settings import Settings

_MOST_SHOWN = 20


def produce(
    file: Annotated[Path, typer.Argument(help="JSON lines; - for standard input.")],
    into: Annotated[
        str,
        typer.Option(
            metavar="DATASET",
            help="`events`, `attributes` (whole records of a CRM), `patches` (of attributes), or "
            "another data set: see `afflux datasets list`.",
        ),
    ] = "events",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good lines although others are bad.")
    ] = False,
) -> None:
    """Send JSON lines as Avro; names and rules are those of docs and schemas/avro.

    An event has at least _id, timestamp (milliseconds, or ISO 8601 text) and identityMap. All
    lines are checked first: where one is bad, its number and the field are told and nothing is
    sent (exit code 1), unless --skip-bad is given.
    """
    settings = with_kafka()
    dataset, fields = _declaration(settings, into)
    chunks = _checked(file, _encode(dataset, fields))
    if skip_bad:
        good: Iterator[list[Encoded]] = (messages for messages, _ in _tell(chunks))
        first: list[list[Encoded]] = []
    else:
        first = _all_good(chunks)
        good = iter(())
    from streams.bulk import BulkProducer

    producer = BulkProducer(stream_settings(settings))
    for messages in chain(first, good):
        for message in messages:
            producer.produce(dataset.topic, message.key, message.value)
    left = producer.flush(settings.kafka.timeout_s)
    if left:
        raise LauncherError(
            f"Kafka at {settings.kafka.bootstrap} did not take {left} of the records in "
            f"{settings.kafka.timeout_s:g} s",
            hint="is the broker up, and are the topics there? See `afflux doctor`",
        )
    what = "attributes" if dataset.kind == "record" else dataset.kind
    plain(f"sent {producer.delivered} {what} to {dataset.topic}")


def _declaration(settings: Settings, name: str) -> tuple[Declaration, Mapping[str, str]]:
    """The data set, with its fields; Redis is asked only for those that are not built in."""
    from launcher.declared import declared

    known = {one.name: one for one in BUILT_IN}
    if name in known:
        return known[Dataset(name)], {}
    found = declared(settings)
    return found.one(name), found.fields_of(found.one(name))


def _encode(dataset: Declaration, fields: Mapping[str, str]) -> Encode:
    from streams.encoding import encode_attributes, encode_events, encode_patches

    if dataset.kind == "events":
        return encode_events
    return partial(
        encode_patches if dataset.kind == "patches" else encode_attributes, fields=fields
    )


def _checked(file: Path, encode: Encode) -> Iterator[tuple[list[Encoded], list[Problem]]]:
    from launcher.json_lines import messages

    return messages(_lines(file), encode)


def _lines(file: Path) -> Iterator[str]:
    if str(file) == "-":
        yield from sys.stdin
        return
    try:
        with file.open(encoding="utf-8") as opened:
            yield from opened
    except UnicodeDecodeError as error:
        raise LauncherError(f"{file} is not UTF-8: {error}") from None
    except OSError as error:
        raise LauncherError(f"{file} cannot be read: {error.strerror}") from None


def _all_good(
    chunks: Iterator[tuple[list[Encoded], list[Problem]]],
) -> list[list[Encoded]]:
    """All messages; exit code 1 where a line is bad."""
    found: list[list[Encoded]] = []
    bad = 0
    for messages, problems in chunks:
        for problem in problems:
            bad += 1
            if bad <= _MOST_SHOWN:
                report(str(problem))
        if not bad:
            found.append(messages)
    if bad > _MOST_SHOWN:
        report(f"and {bad - _MOST_SHOWN} more bad lines")
    if bad:
        say("nothing was sent; --skip-bad sends the good lines")
        raise typer.Exit(1)
    return found


def _tell(
    chunks: Iterator[tuple[list[Encoded], list[Problem]]],
) -> Iterator[tuple[list[Encoded], list[Problem]]]:
    for messages, problems in chunks:
        for problem in problems:
            report(str(problem))
        yield messages, problems
