"""Reads logs to where they end now, without waiting at the end."""

from __future__ import annotations

from collections.abc import Iterator

from streams.consume import Record, TopicReader

_WAIT_S = 0.1
"""A read may wait so long although it has records: keep it short."""


def batches(reader: TopicReader) -> Iterator[list[Record]]:
    """Records up to where the logs ended when the reader was made, some at a time."""
    while any(reader.positions[tp] < end for tp, end in reader.ends.items()):
        records = reader.read(_WAIT_S)
        yield [r for r in records if r.offset < reader.ends[r.topic, r.partition]]


def all_records(reader: TopicReader) -> Iterator[Record]:
    """The same, one by one."""
    for some in batches(reader):
        yield from some
