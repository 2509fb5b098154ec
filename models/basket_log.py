"""A recommender and its place in the log of baskets: what the learner plane drives and publishes.

Each basket is ranked for before it is learned, beside two baselines that know as much: what the
person holds most of, and what is popular. The lists have ten items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.baskets.basket import Baskets
from afflux.baskets.basketry import BasketExamples, ItemsOfExamples
from afflux.baskets.held import filled, rows_of, strongest
from afflux.baskets.person import SLOTS
from afflux.columns import F64, I64, U64, Bool
from models.basket_learner import LIST, BasketLearner
from models.contract import Arrays
from models.envelope import SnapshotError, open_sealed, seal
from models.next_basket import RECOMMENDERS, Recommender
from models.ranking import ndcg, recall

BLOCK = 256
"""Baskets that are ranked by what was known before them, and then learned."""

RECENT = 2_048

_LISTS = ("", "frequency_", "popularity_")
FIGURES = tuple(f"{of}{figure}" for figure in ("recall10", "ndcg10") for of in _LISTS)
"""Of the recommender, and beside it of the baselines."""

Place = tuple[int, int]
"""(W before the record, its offset): ascends within a shard."""

Text = tuple[str, str]
"""Id and name of an item; the name may be empty."""


@dataclass(frozen=True, slots=True)
class BasketSnapshot:
    """All that a recommender knows, as of a place in the log."""

    recommender: Recommender
    offset: int
    topic_id: bytes
    last: dict[int, Place]
    """Shard -> the last basket learned."""
    learner: BasketLearner
    texts: dict[int, Text]
    """Of each item of the table."""
    sums: F64
    recent: F64
    """(RECENT, figures) of the last baskets, round and round."""

    @property
    def metrics(self) -> dict[str, float]:
        """Means since the start, and over the recent baskets."""
        n = self.learner.baskets
        if not n:
            return {}
        last = self.recent[: min(n, RECENT)].mean(axis=0)
        whole = dict(zip(FIGURES, (self.sums / n).tolist(), strict=True))
        return {**whole, **{f"recent_{f}": x for f, x in zip(FIGURES, last.tolist(), strict=True)}}


class BasketLog:
    """Learns one recommender from the log, each basket once."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self._column = [r.column for r in RECOMMENDERS].index(recommender.column)
        self._start()

    def _start(self) -> None:
        self._last: dict[int, Place] = {}
        self._learner = BasketLearner()
        self._texts: dict[int, Text] = {}
        self._sums: F64 = np.zeros(len(FIGURES))
        self._recent: F64 = np.zeros((RECENT, len(FIGURES)))

    @property
    def learned(self) -> int:
        """Baskets so far."""
        return self._learner.baskets

    def restore(
        self, snapshot: BasketSnapshot | None, topic_id: bytes, start: int, end: int
    ) -> int:
        """Go on from there, or from nothing; the offset of the log [start, end) to read on from."""
        self._start()
        if snapshot is None:
            return start
        self._last, self._learner = dict(snapshot.last), snapshot.learner
        self._texts = dict(snapshot.texts)
        self._sums, self._recent = snapshot.sums.copy(), snapshot.recent.copy()
        known = snapshot.topic_id == topic_id and snapshot.offset <= end
        return max(start, snapshot.offset) if known else start

    def learn(self, examples: BasketExamples, alive: Bool) -> None:
        """Those that are not known yet, and whose people are not deleted."""
        at = [i for i in range(len(examples)) if self._is_new(examples, i) and alive[i]]
        items = examples.subjects[self._column]
        having = np.diff(items.bought_ends, prepend=0) > 0
        rows = np.array([i for i in at if having[i]], np.int64)
        for first in range(0, len(rows), BLOCK):
            self._learn(examples, items, rows[first : first + BLOCK])

    def _is_new(self, examples: BasketExamples, i: int) -> bool:
        shard, place = int(examples.shard[i]), (int(examples.seen[i]), int(examples.offset[i]))
        if place <= self._last.get(shard, (-(2**63), -1)):
            return False
        self._last[shard] = place
        return True

    def _learn(self, examples: BasketExamples, items: ItemsOfExamples, rows: I64) -> None:
        learner = self._learner
        keys, weights = _held(items, rows)
        at, ends = _elements(items.bought_ends, rows)
        seconds = examples.timestamp[rows] // 1000
        baskets = Baskets(seconds, ends, items.bought[at])
        people = rows_of(keys, weights, seconds, learner.items)
        offered = learner.offer(people, seconds)
        popular = learner.items.most_popular(2 * LIST)
        lists = (
            offered.best(learner.weights, LIST),
            filled(strongest(keys, weights, LIST), popular),
            np.broadcast_to(popular[:LIST], (len(rows), len(popular[:LIST]))),
        )
        self._judge(lists, baskets)
        learner.learn(offered, people, baskets)
        for i in at.tolist():
            key, text = int(items.bought[i]), (items.ids[i], items.names[i])
            if text[1] or key not in self._texts:
                self._texts[key] = text
        if len(self._texts) > len(learner.items.keys):
            known = set(learner.items.keys.tolist())
            self._texts = {key: text for key, text in self._texts.items() if key in known}

    def _judge(self, lists: tuple[U64, ...], baskets: Baskets) -> None:
        found = [_hits(of, baskets) for of in lists]
        figures = np.stack(
            [measure(hits, baskets.sizes) for measure in (recall, ndcg) for hits in found], axis=1
        )
        self._sums += figures.sum(axis=0)
        self._recent[(self.learned + np.arange(len(baskets))) % RECENT] = figures

    def snapshot(self, offset: int, topic_id: bytes) -> BasketSnapshot:
        """All that it knows, as of this place in the log."""
        return BasketSnapshot(
            self.recommender, offset, topic_id, dict(self._last), self._learner,
            dict(self._texts), self._sums.copy(), self._recent.copy(),
        )  # fmt: skip


def _hits(lists: U64, baskets: Baskets) -> Bool:
    """(n, 10) which of each list was bought."""
    padded = np.zeros((len(baskets), LIST), np.uint64)
    padded[:, : lists.shape[1]] = lists
    found: Bool = np.logical_or.reduceat(
        padded[baskets.owner] == baskets.keys[:, None], baskets.ends[:-1], axis=0
    )
    return found


def _held(items: ItemsOfExamples, rows: I64) -> tuple[U64, F64]:
    at, ends = _elements(items.held_ends, rows)
    size = np.diff(ends)
    keys, weights = np.zeros((len(rows), SLOTS), np.uint64), np.zeros((len(rows), SLOTS))
    place = np.arange(len(at)) - np.repeat(ends[:-1], size)
    fits = place < SLOTS
    owner, place = np.repeat(np.arange(len(rows)), size)[fits], place[fits]
    keys[owner, place], weights[owner, place] = items.held[at[fits]], items.weights[at[fits]]
    return keys, weights


def _elements(ends: I64, rows: I64) -> tuple[NDArray[np.intp], I64]:
    """Where the elements of these ragged rows are, and where each row ends among them, 0 first."""
    size = np.diff(ends, prepend=0)
    mine = size[rows]
    after = np.append(0, np.cumsum(mine))
    start = (ends - size)[rows]
    return np.arange(int(after[-1])) + np.repeat(start - after[:-1], mine), after


def encode(snapshot: BasketSnapshot) -> bytes:
    """The bytes; the same for the same content."""
    keys = snapshot.learner.items.keys.tolist()
    texts = [snapshot.texts.get(key, ("", "")) for key in keys]
    facts = {
        "model": snapshot.recommender.name,
        "offset": snapshot.offset,
        "topic_id": snapshot.topic_id.hex(),
        "last": [[shard, *place] for shard, place in sorted(snapshot.last.items())],
        "texts": [list(text) for text in texts],
        **snapshot.learner.facts(),
    }
    arrays: Arrays = {
        "sums": snapshot.sums, "recent": snapshot.recent, **snapshot.learner.arrays()
    }  # fmt: skip
    return seal(facts, arrays)


def decode(data: bytes) -> BasketSnapshot:
    """The snapshot. Raises SnapshotError where it is of no recommender."""
    facts, arrays = open_sealed(data)
    try:
        return _decoded(facts, arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"a recommender's snapshot lacks {error} or has it wrong") from None


def _decoded(facts: Mapping[str, Any], arrays: Arrays) -> BasketSnapshot:
    found = [r for r in RECOMMENDERS if r.name == facts["model"]]
    if not found:
        raise SnapshotError(f"{facts['model']} is no recommender")
    learner = BasketLearner.of(facts, arrays)
    sums, recent = arrays["sums"], arrays["recent"]
    if sums.shape != (len(FIGURES),) or recent.shape != (RECENT, len(FIGURES)):
        raise SnapshotError("a recommender's figures are of another form")
    texts = [(str(id), str(name)) for id, name in facts["texts"]]
    return BasketSnapshot(
        found[0], int(facts["offset"]), bytes.fromhex(facts["topic_id"]),
        {s: (w, offset) for s, w, offset in facts["last"]}, learner,
        dict(zip(learner.items.keys.tolist(), texts, strict=True)), sums, recent,
    )  # fmt: skip
