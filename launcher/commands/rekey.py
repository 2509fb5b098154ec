"""`afflux rekey`: any topic into ours, keyed by the primary identity, each record once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.compose import registry_of, stream_settings
from launcher.connect import with_kafka
from launcher.console import plain, say
from launcher.declared import declared_or_built_in
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.copying import Copied
    from streams.consume import Record


def rekey(
    source: Annotated[str, typer.Argument(help="Topic to read.")],
    to: Annotated[
        str, typer.Option(metavar="TOPIC", help="Topic to write: that of a data set.")
    ] = "experience-events",
) -> None:
    """Copy a topic into ours, each record to the partition of its primary identity.

    For topics with another key or partitioner. Run it again at any time: what is in the target
    already, by source topic, partition and offset, is not sent again. A record whose identity
    cannot be read goes to the partition of its own key, and so, with the reason, to the
    dead-letter topic.
    """
    from launcher.copying import Copy, Report

    if source == to:
        raise LauncherError(f"{source} cannot be copied into itself")
    settings = with_kafka()
    topics = [one.topic for one in declared_or_built_in(settings).by_number]
    if to not in topics:
        raise LauncherError(
            f"{to} is the topic of no data set", hint=f"there are: {', '.join(topics)}"
        )
    partitions = settings.partitions
    chooser = Rekeyer(partitions, key_reader(registry_of(settings.registry)))
    copy = Copy(stream_settings(settings), source, to, settings.data_dir, whole=True)
    told = 0

    def tell(report: Report) -> None:
        nonlocal told
        if report.copied - told >= 100_000:
            told = report.copied
            say(f"{told:,} records copied")

    report = copy.run(chooser, tell)
    there = f", {report.there:,} were there already" if report.there else ""
    plain(f"copied {report.copied:,} records from {source} to {to}{there}")
    if chooser.unreadable:
        say(f"{chooser.unreadable:,} of them have no readable identity: see `afflux dlq list`")


class Rekeyer:
    """Gives each record the key of its value."""

    def __init__(self, partitions: int, key_of: Callable[[bytes], bytes | None]) -> None:
        self._partitions, self._key_of = partitions, key_of
        self.unreadable = 0

    def __call__(self, records: Sequence[Record]) -> Iterable[Copied]:
        """How each record is copied."""
        return [self.one(record) for record in records]

    def one(self, record: Record) -> Copied:
        """How this record is copied."""
        from launcher.copying import Copied

        key = self._key_of(record.value) if record.value is not None else record.key
        if key is not None:
            return Copied(key, record.value, record.headers)
        self.unreadable += 1
        if record.key is not None:
            return Copied(record.key, record.value, record.headers)
        return Copied(None, record.value, record.headers, record.partition % self._partitions)


def key_reader(registry: object) -> Callable[[bytes], bytes | None]:
    """Reads the primary identity out of a value; None where there is none."""
    from streams.json_events import primary
    from streams.updates import DecodeError, decode_any

    def key_of(value: bytes) -> bytes | None:
        try:
            _, fields = decode_any(value, registry)  # type: ignore[arg-type]
        except DecodeError:
            return None
        return primary(fields) or None

    return key_of
