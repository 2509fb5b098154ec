"""What is produced, in order: attributes, events, a few faults, a few repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from launcher.data.faults import faults
from launcher.data.shape import DataSet
from streams.encoding import encode_attributes

_REPEAT_SHARE = 1 / 5000
_FEWEST_REPEATS = 5
_REPEATED_AFTER = 3


class Item(NamedTuple):
    """A record to produce. partition: None for the partition of its key."""

    at: int
    """Event time, ms: when a replay at the pace of the events sends it."""
    key: bytes
    value: bytes | None
    attributes: bool = False
    """Goes to profile-attributes, else to experience-events."""
    partition: int | None = None


@dataclass(frozen=True)
class Replay:
    """Records in the order of production, and what must become of them.

    Every item is accepted, rejected (`faults` of them) or counted as a duplicate (`repeats`).
    """

    items: Sequence[Item]
    events: int
    """Events of the data set, each once."""
    people: int
    """Different people in them."""
    faults: int
    repeats: int


def build(
    data: DataSet, values: Sequence[bytes], partitions: int, now: int, seed: int = 11
) -> Replay:
    """A data set whose events are encoded as `values`, with faults and repeats mixed in.

    now: wall clock, ms.
    """
    rng = np.random.default_rng(seed)
    stamps: NDArray[np.int64] = data.events["timestamp"].to_numpy()
    people = data.events["person"].to_pylist()
    keys = [f"{data.namespace}:{person}".encode() for person in people]
    good = [Item(*row) for row in zip(stamps.tolist(), keys, values, strict=True)]
    rows = len(good)

    repeated = _places(max(_FEWEST_REPEATS, round(rows * _REPEAT_SHARE)), rows, rng)
    middle = good[rows // 2]
    namespace, _, person = middle.key.decode().partition(":")
    broken = [
        Item(middle.at, f.key, f.value, partition=f.partition)
        for f in faults(namespace, person, middle.at, now, partitions)
    ]
    extra = [(place + _REPEATED_AFTER, good[place]) for place in repeated]
    extra += list(zip(_places(len(broken), rows, rng), broken, strict=True))
    return Replay(
        items=[*_attributes(data, good[0].at), *_merged(good, extra)],
        events=rows,
        people=len(set(keys)),
        faults=len(broken),
        repeats=len(repeated),
    )


def _attributes(data: DataSet, at: int) -> list[Item]:
    who = list(data.attributes)
    values = encode_attributes(
        [
            {
                "timestamp": at,
                "identityMap": {data.namespace: [{"id": person, "primary": True}]},
                "attributes": dict(data.attributes[person]),
            }
            for person in who
        ]
    )
    return [
        Item(at, f"{data.namespace}:{person}".encode(), value, attributes=True)
        for person, value in zip(who, values, strict=True)
    ]


def _places(count: int, over: int, rng: np.random.Generator) -> list[int]:
    chosen = rng.choice(over, size=min(count, over), replace=count > over)
    return sorted(int(place) for place in chosen)


def _merged(good: Sequence[Item], extra: Sequence[tuple[int, Item]]) -> list[Item]:
    """`extra` put in before the places that they name."""
    merged: list[Item] = []
    start = 0
    for place, item in sorted(extra, key=lambda pair: pair[0]):
        stop = min(place, len(good))
        merged += good[start:stop]
        merged.append(item)
        start = max(start, stop)
    return merged + list(good[start:])
