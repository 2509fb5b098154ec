"""From the outcome of a step to one commit a shard, and what is to be announced after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from afflux.attributes import fold_attributes
from afflux.catalog import Catalog
from afflux.names import EVENTS, Dataset, Identity
from afflux.outcome import Control, StepOutcome
from afflux.position import Position
from profile_store.contract import Commit
from streams.audience_encoding import encode_audience_updates
from streams.basket_codec import encode_baskets
from streams.enrich.audiences import Judged
from streams.enrich.fetch import Rows
from streams.enrich.outbox import Outbox

EncodeExamples = Callable[[Catalog, NDArray[np.void], Sequence[Identity]], Sequence[bytes]]
EncodeControl = Callable[[Control], bytes]

T = TypeVar("T")

BASKETS = b"next_basket"
"""Key of the baskets that recommenders learn from."""

_FEW = 64
"""So few rows are sorted faster without NumPy."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Commits of one step, with the positions and outboxes that they write."""

    commits: list[Commit]
    positions: dict[int, Position]
    outboxes: dict[int, Outbox]
    deadlines: dict[int, int]
    """Shard -> the earliest new deadline."""


class CommitPlanner:
    """Turns outcomes into commits. The nonce marks every commit of this owner."""

    def __init__(
        self,
        catalog: Catalog,
        encode_examples: EncodeExamples,
        encode_control: EncodeControl,
        nonce: bytes,
        timeline_events: int = 0,
    ) -> None:
        self._catalog = catalog
        self._encode_examples = encode_examples
        self._encode_control = encode_control
        self._nonce = nonce
        self._timeline_events = timeline_events
        self._models = [m.name.encode() for m in catalog.models]

    def plan(
        self,
        fences: Mapping[int, bytes],
        rows: Rows,
        outcome: StepOutcome,
        judged: Judged | None = None,
        swept: Mapping[int, bytes] | None = None,
    ) -> Planned:
        """One commit for every shard in `outcome.positions`; fences: what each must find.

        swept: shard -> how far its back-fill of audiences is with this commit.
        """
        identities = rows.fetched.identities
        shard = rows.fetched.shard
        fragments = self._fragments(identities, shard, outcome)
        served = self._served(identities, shard, outcome, rows)
        attributes = self._attributes(identities, shard, outcome, rows)
        edges = _grouped(
            (int(shard[r]), (identities[r], e.encode())) for r, e in outcome.edges.items()
        )
        interests = _grouped(
            (int(shard[r]), (identities[r], data)) for r, data in outcome.interests.items()
        )
        timelines = self._timelines(identities, shard, outcome)
        forget = _grouped((int(shard[r]), identities[r]) for r in _gone(outcome))
        expired = _grouped(
            (int(shard[r]), (identities[r], EVENTS)) for r in outcome.expired.tolist()
        )
        deadlines = self._deadlines(identities, shard, outcome, rows, judged)
        outboxes = self._outboxes(identities, shard, outcome)
        planned = Planned([], {}, outboxes, {})
        for s, position in outcome.positions.items():
            target = position.next(self._nonce)
            planned.positions[s] = target
            if judged is not None:
                _tell(outboxes, s, judged, target)
            planned.commits.append(
                Commit(
                    shard=s,
                    expected=fences[s],
                    position=target.encode(),
                    outbox=outboxes[s].encode() if s in outboxes else b"",
                    fragments=fragments.get(s, ()),
                    served=served.get(s, ()),
                    attributes=attributes.get(s, ()),
                    edges=edges.get(s, ()),
                    interests=interests.get(s, ()),
                    forget=forget.get(s, ()),
                    expired=expired.get(s, ()),
                    deadlines=deadlines.get(s, {}),
                    memberships=judged.memberships.get(s, ()) if judged else (),
                    members=judged.members.get(s, {}) if judged else {},
                    swept=swept.get(s, b"") if swept else b"",
                    volumes=outcome.volumes.get(s, ()),
                    timelines=timelines.get(s, ()),
                    timeline_events=self._timeline_events,
                )
            )
            open_deadlines = [d for d in deadlines.get(s, {}).values() if d]
            if open_deadlines:
                planned.deadlines[s] = min(open_deadlines)
        return planned

    def _fragments(
        self, identities: Sequence[Identity], shard: NDArray[np.int32], outcome: StepOutcome
    ) -> dict[int, list[tuple[Identity, Dataset, bytes]]]:
        rows, slices = _sorted_by_shard(outcome.fragment_changed.nonzero()[0], shard)
        data = self._catalog.encode_rows(outcome.fragment[rows])
        names = [identities[r] for r in rows.tolist()]
        writes = list(zip(names, repeat(EVENTS), data, strict=False))
        return {s: writes[part] for s, part in slices.items()}

    def _timelines(
        self, identities: Sequence[Identity], shard: NDArray[np.int32], outcome: StepOutcome
    ) -> dict[int, list[tuple[Identity, Dataset, bytes]]]:
        if not outcome.timelines:
            return {}
        rows, slices = _sorted_by_shard(np.fromiter(outcome.timelines, np.int64), shard)
        order = rows.tolist()
        data = [outcome.timelines[r] for r in order]
        writes = list(zip([identities[r] for r in order], repeat(EVENTS), data, strict=False))
        return {s: writes[part] for s, part in slices.items()}

    def _deadlines(
        self,
        identities: Sequence[Identity],
        shard: NDArray[np.int32],
        outcome: StepOutcome,
        read: Rows,
        judged: Judged | None,
    ) -> dict[int, dict[Identity, int]]:
        """Shard -> identity -> its earliest deadline, 0 where nothing is awaited any more."""
        deadline, moved = outcome.deadline, outcome.deadline_moved
        if judged is not None:
            deadline = _sooner(deadline, judged.deadline)
            moved = moved | judged.moved
        due = {identity for found in read.due.values() for identity, _ in found}
        if due:  # what the store holds of them may be of audiences that are no more
            moved = moved | np.fromiter((i in due for i in identities), np.bool_, len(identities))
            moved &= np.isin(shard, list(outcome.positions))
        rows, slices = _sorted_by_shard(moved.nonzero()[0], shard)
        names = [identities[r] for r in rows.tolist()]
        earliest = deadline[rows].tolist()
        return {
            s: dict(zip(names[part], earliest[part], strict=True)) for s, part in slices.items()
        }

    def _served(
        self,
        identities: Sequence[Identity],
        shard: NDArray[np.int32],
        outcome: StepOutcome,
        rows: Rows,
    ) -> dict[int, list[tuple[Identity, bytes]]]:
        order, slices = _sorted_by_shard(outcome.served_changed.nonzero()[0], shard)
        data = self._catalog.encode_rows(outcome.served[order])
        new, old = outcome.event_ids, rows.event_ids
        writes = [
            (identities[r], b + (new[r].encode() if r in new else old[r]))
            for r, b in zip(order.tolist(), data, strict=True)
        ]
        return {s: writes[part] for s, part in slices.items()}

    def _attributes(
        self,
        identities: Sequence[Identity],
        shard: NDArray[np.int32],
        outcome: StepOutcome,
        rows: Rows,
    ) -> dict[int, list[tuple[Identity, Dataset, bytes]]]:
        """Attributes of deleted people: what is not newer than the delete goes."""
        return _grouped(
            (
                int(shard[r]),
                (
                    identities[r],
                    dataset,
                    fold_attributes(data, (), int(outcome.fragment["deleted_at"][r])),
                ),
            )
            for r in outcome.deleted.tolist()
            for dataset, data in rows.attributes.get(r, ())
        )

    def _outboxes(
        self, identities: Sequence[Identity], shard: NDArray[np.int32], outcome: StepOutcome
    ) -> dict[int, Outbox]:
        told = np.union1d(outcome.scored, outcome.relinked)
        scored, slices = _sorted_by_shard(told, shard)
        names = [identities[r] for r in scored.tolist()]
        owners = {s: names[part] for s, part in slices.items()}
        retracted = _grouped((int(shard[r]), identities[r]) for r in _gone(outcome))
        examples = self._examples(identities, outcome.early)
        for s, closed in self._examples(identities, outcome.closed).items():
            examples[s] = [*examples.get(s, ()), *closed]
        if outcome.baskets is not None:
            of = shard[outcome.baskets.row]
            values = encode_baskets(outcome.baskets, shard, identities)
            for s, part in _runs(of).items():
                named = [(BASKETS, value) for value in values[part]]
                examples[s] = [*examples.get(s, ()), *named]
        controls = _grouped(
            (c.origin[0], (c.identity, self._encode_control(c)))
            for c in outcome.derived
            if c.origin is not None and c.identity is not None
        )
        shards = owners.keys() | retracted.keys() | examples.keys() | controls.keys()
        return {
            s: Outbox(
                owners.get(s, ()), retracted.get(s, ()), examples.get(s, ()), controls.get(s, ())
            )
            for s in shards
        }

    def _examples(
        self, identities: Sequence[Identity], table: NDArray[np.void]
    ) -> dict[int, list[tuple[bytes, bytes]]]:
        """Shard -> (model, encoded example), in the order of the table, which is by shard."""
        if not len(table):
            return {}
        encoded = self._encode_examples(self._catalog, table, identities)
        models = [self._models[m] for m in table["model"].tolist()]
        pairs = list(zip(models, encoded, strict=True))
        return {s: pairs[part] for s, part in _runs(table["shard"]).items()}


def _tell(outboxes: dict[int, Outbox], shard: int, judged: Judged, target: Position) -> None:
    """Changed memberships, tombstones first: who came back in the same step is there again."""
    updates = judged.updates.get(shard, ())
    told = [(i, b"") for i in judged.gone.get(shard, ())]
    if updates:
        values = encode_audience_updates(updates, target.topics[0].offset, target.version)
        told += zip((u.identity for u in updates), values, strict=True)
    if told:
        outboxes[shard] = replace(outboxes.get(shard, Outbox()), audiences=told)


def _sooner(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """The earlier of two deadlines, where 0 is none."""
    return np.where((a == 0) | ((b > 0) & (b < a)), b, a)


def _gone(outcome: StepOutcome) -> list[int]:
    """Rows without scores from now on: of people who were deleted, and of the long silent.

    Who came back in the same step has a new served row and scores to announce.
    """
    rows = outcome.deleted[~outcome.served_changed[outcome.deleted]].tolist()
    return sorted({*rows, *outcome.unscored.tolist()}) if len(outcome.unscored) else rows


def _sorted_by_shard(
    rows: NDArray[np.integer[Any]], shard: NDArray[np.int32]
) -> tuple[NDArray[np.integer[Any]], dict[int, slice]]:
    """Rows in the order of their shards, and where each shard's are."""
    of = shard[rows]
    if len(rows) <= _FEW:
        places = of.tolist()
        few = sorted(range(len(places)), key=places.__getitem__)
        return rows[few], _runs_of([places[i] for i in few])
    order = np.argsort(of, kind="stable")
    return rows[order], _runs(of[order])


def _runs(values: NDArray[np.int32]) -> dict[int, slice]:
    """Value -> where it is, in an array whose equal values stand together."""
    if not len(values):
        return {}
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return {int(values[a]): slice(a, b) for a, b in itertools.pairwise(cuts)}


def _runs_of(values: Sequence[int]) -> dict[int, slice]:
    """The same of a list."""
    runs, start = {}, 0
    for value, run in itertools.groupby(values):
        end = start + sum(1 for _ in run)
        runs[value] = slice(start, end)
        start = end
    return runs


def _grouped(pairs: Iterable[tuple[int, T]]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups
