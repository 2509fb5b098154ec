"""Which rows a step asks for, shard by shard."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from afflux.audiences.judging import Rules
from afflux.columns import I32, Bool
from afflux.names import ATTRIBUTES, EVENTS, Dataset, Identity
from profile_store.contract import RowRequest

Records = Sequence[tuple[Dataset, bytes]]
"""What is stored of one identity's attributes, by data set; only what there is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to read. `wanted` masks `identities`; the rest become empty rows."""

    identities: Sequence[Identity]
    shard: I32
    wanted: Bool
    edges: frozenset[int]
    """Rows whose links are read at once (the others only where their fragment has links)."""
    attributes: frozenset[int]
    due: Mapping[int, tuple[int, int]]
    """Shard -> (deadline limit, exclusive; at most so many rows)."""
    interests: frozenset[int] = frozenset()
    """Rows whose interests are read: those with events that mention something."""
    neighbours: Mapping[int, Sequence[Identity]] = field(default_factory=dict)
    """Row -> identities that this batch links it to."""
    rules: Rules | None = None
    """Of audiences: what they need of all rows is read too."""
    records: Sequence[Dataset] = (ATTRIBUTES,)
    """Data sets whose attributes are read, where any are."""

    @property
    def all_attributes(self) -> bool:
        """Also those of linked identities, and of rows with a due deadline."""
        return self.rules is not None and self.rules.reads_attributes


def request(
    shard: int, rows: Sequence[int], identities: Sequence[Identity], wanted: Wanted
) -> RowRequest:
    """Of the wanted rows of one shard."""
    until, limit = wanted.due.get(shard, (None, 0))
    ids = [identities[r] for r in rows]
    return RowRequest(
        shard,
        fragments=[(i, EVENTS) for i in ids],
        served=ids,
        edges=[identities[r] for r in rows if r in wanted.edges] if wanted.edges else (),
        attributes=_attributes_of(rows, ids, identities, wanted),
        interests=[identities[r] for r in rows if r in wanted.interests]
        if wanted.interests
        else (),
        due_until=until,
        due_limit=limit,
        memberships=ids if wanted.rules else (),
    )


def _attributes_of(
    rows: Sequence[int], ids: Sequence[Identity], identities: Sequence[Identity], wanted: Wanted
) -> Sequence[tuple[Identity, Dataset]]:
    if wanted.all_attributes:
        return [(i, dataset) for i in ids for dataset in wanted.records]
    if not wanted.attributes:
        return ()
    asked = [identities[r] for r in rows if r in wanted.attributes]
    return list(itertools.product(asked, wanted.records))


def records_of(values: Sequence[bytes | None], datasets: Sequence[Dataset]) -> list[Records]:
    """What was found of each identity that was asked for."""
    if len(datasets) == 1:
        (only,) = datasets
        return [((only, data),) if data else () for data in values]
    n = len(datasets)
    return [
        [(d, data) for d, data in zip(datasets, values[at : at + n], strict=True) if data]
        for at in range(0, len(values), n)
    ]
