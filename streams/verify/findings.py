"""What a check of stored rows found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from afflux.catalog import Catalog
from afflux.identity import Edges, EdgesError
from afflux.names import Identity
from afflux.oracle.watching import Told
from profile_store.evidence import Evidence


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field of a row, as it is stored and as the log says; plain values, None for nothing."""

    field: str
    stored: Any
    expected: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """Somebody whose rows are not what the log says. offset: of their shard's position."""

    identity: Identity
    partition: int
    shard: int
    offset: int
    fields: tuple[FieldDifference, ...]


@dataclass(slots=True)
class Report:
    """How many identities were looked at, and who differs."""

    checked: int = 0
    uncheckable: int = 0
    """Records of them are no longer in the log."""
    unsettled: int = 0
    """Their shard did not come to a position at which it could be compared."""
    records: int = 0
    """Of the logs, that were read."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def mismatched(self) -> int:
        """How many of those checked differ."""
        return len(self.differences)

    def add(self, other: Report) -> None:
        """Take in the report of another partition."""
        self.checked += other.checked
        self.uncheckable += other.uncheckable
        self.unsettled += other.unsettled
        self.records += other.records
        self.differences += other.differences


def differing(
    stored: Evidence, told: Told, catalog: Catalog, *, timed_by_rules: bool
) -> tuple[FieldDifference, ...]:
    """The fields in which they differ. timed_by_rules: audiences may make a deadline earlier."""
    return (
        *_fragment(stored.fragment, told.fragment, catalog),
        *_edges(stored.edges, told),
        *_interests(stored.interests, told.interests),
        *_deadline(stored.deadline, told.deadline, timed_by_rules),
    )


def _fragment(stored: bytes, told: bytes, catalog: Catalog) -> Iterator[FieldDifference]:
    blank = catalog.new_fragments(1).tobytes()
    stored, told = stored or blank, told or blank
    if stored == told:
        return
    size = catalog.fragment.itemsize
    if len(stored) != size:
        yield FieldDifference("fragment", f"{len(stored)} bytes", f"{size} bytes")
        return
    mine, theirs = (np.frombuffer(data, catalog.fragment)[0] for data in (stored, told))
    for name in catalog.fragment.names or ():
        if mine[name].tobytes() != theirs[name].tobytes():
            yield FieldDifference(name, mine[name].tolist(), theirs[name].tolist())


def _edges(stored: bytes, told: Told) -> Iterator[FieldDifference]:
    try:
        mine = {other: tuple(edge) for other, edge in Edges.decode(stored or None)}
    except EdgesError as error:
        yield FieldDifference("links", str(error), len(told.edges))
        return
    for other in sorted(mine.keys() | told.edges.keys()):
        if mine.get(other) != told.edges.get(other):
            name = f"links[{other.decode(errors='replace')}]"
            yield FieldDifference(name, mine.get(other), told.edges.get(other))


def _interests(stored: bytes, told: bytes) -> Iterator[FieldDifference]:
    if stored != told:
        yield FieldDifference("interests", stored.hex() or None, told.hex() or None)


def _deadline(stored: int, told: int, timed_by_rules: bool) -> Iterator[FieldDifference]:
    sooner = timed_by_rules and (not told or 0 < stored < told)
    if stored != told and not sooner:
        yield FieldDifference("deadline", stored or None, told or None)
