"""Baskets replayed: each is recommended for, judged, and only then learned.

The recommender takes blocks of baskets (`basket_log.MOST`): all are ranked by what was known before
the block, a person's own last basket included. The baselines are exact at every basket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from afflux.baskets.basket import Baskets
from afflux.baskets.person import PERSON, PersonRows, fold
from afflux.columns import I64, U64, Bool
from launcher.evaluation.basket_baselines import Frequency, Popularity
from launcher.evaluation.basket_log import Bought, ItemRows, bought
from launcher.evaluation.result import Figures, ModelResult
from models.basket_learner import LIST, BasketLearner
from models.next_basket import Recommender
from models.ranking import ndcg, recall, whole_recall

Lists = U64
"""(n, 10) keys, best first; 0 where a list is shorter."""

Seen = Callable[[Bought, Lists], None]
"""Told of every recommendation."""

_DAY_MS = 86_400_000.0


class People:
    """Rows of people by their number, growing as they come."""

    def __init__(self) -> None:
        self._rows: PersonRows = np.zeros(0, PERSON)

    def rows(self, who: I64) -> PersonRows:
        """A copy of theirs; zeros of people who have not been seen."""
        missing = int(who.max()) + 1 - len(self._rows)
        if missing > 0:
            more = np.zeros(max(missing, len(self._rows)), PERSON)
            self._rows = np.concatenate([self._rows, more])
        return self._rows[who]

    def put(self, who: I64, rows: PersonRows) -> None:
        """Theirs from now on."""
        self._rows[who] = rows

    def delete(self, who: int) -> None:
        """Forget a person: as if they had never been seen."""
        if who < len(self._rows):
            self._rows[who] = np.zeros(1, PERSON)[0]


class Means:
    """Running means of the figures of one column of predictions."""

    def __init__(self) -> None:
        self._sum: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def add(self, lists: Lists, baskets: Baskets, owned: Bool) -> None:
        """`owned`: (items,), whether the person had bought each before."""
        found = lists[baskets.owner] == baskets.keys[:, None]
        hits = np.logical_or.reduceat(found, baskets.ends[:-1], axis=0)
        again = np.logical_or.reduceat(found & owned[:, None], baskets.ends[:-1], axis=0)
        sizes, known = baskets.sizes, np.add.reduceat(owned.astype(np.int64), baskets.ends[:-1])
        self._mean("recall10", recall(hits, sizes))
        self._mean("ndcg10", ndcg(hits, sizes))
        self._mean("recall10_whole", whole_recall(hits, sizes))
        for name, part, count in (
            ("recall10_repeat", again, known),
            ("recall10_explore", hits & ~again, sizes - known),
        ):
            some = count > 0
            self._mean(name, recall(part[some], count[some]))

    def figures(self) -> Figures:
        """Those that there are."""
        return {name: self._sum[name] / n for name, n in self._count.items() if n}

    def _mean(self, name: str, values: NDArray[np.float64]) -> None:
        self._sum[name] = self._sum.get(name, 0.0) + float(values.sum())
        self._count[name] = self._count.get(name, 0) + len(values)


class BasketReplay:
    """One recommender and its baselines over a log."""

    def __init__(
        self, recommender: Recommender, since: int | None = None, seen: Seen | None = None
    ) -> None:
        self.learner = BasketLearner()
        self.people = People()
        self.baskets = self.items = 0
        """Judged."""
        self._recommender, self._since, self._seen = recommender, since, seen
        self._popularity = Popularity()
        self._frequency = Frequency(self._popularity)
        self._means = {name: Means() for name in ("afflux", "frequency", "popularity")}
        self._began: int | None = None

    def run(self, blocks: Iterable[ItemRows]) -> ModelResult:
        """Replay all of it."""
        for part in bought(blocks, self._recommender.column):
            self._one(part)
        figures = {name: means.figures() for name, means in self._means.items()}
        return ModelResult(
            self._recommender.describe(), self.baskets, self.items, figures.pop("afflux"),
            baselines=figures,
        )  # fmt: skip

    def _one(self, part: Bought) -> None:
        baskets = part.baskets
        rows = self.people.rows(part.who)
        offered = self.learner.offer(rows, baskets.seconds)
        lists = np.zeros((len(baskets), LIST), np.uint64)
        best = offered.best(self.learner.weights, LIST)
        lists[:, : best.shape[1]] = best
        if self._seen is not None:
            self._seen(part, lists)
        frequent, popular, owned = self._baselines(part)
        self._judge(part, {"afflux": lists, "frequency": frequent, "popularity": popular}, owned)
        self.learner.learn(offered, rows, baskets)
        self.people.put(part.who, fold(rows, baskets))

    def _judge(self, part: Bought, columns: dict[str, Lists], owned: Bool) -> None:
        keep = part.ts >= (part.ts[0] if self._since is None else self._since)
        if not keep.any():
            return
        baskets, of = part.baskets, keep[part.baskets.owner]
        if not keep.all():
            ends = np.concatenate([[0], np.cumsum(baskets.sizes[keep])])
            baskets = Baskets(baskets.seconds[keep], ends, baskets.keys[of])
        for name, lists in columns.items():
            self._means[name].add(lists[keep], baskets, owned[of])
        self.baskets += len(baskets)
        self.items += len(baskets.keys)

    def _baselines(self, part: Bought) -> tuple[Lists, Lists, Bool]:
        frequent, popular = (np.zeros((len(part.who), LIST), np.uint64) for _ in range(2))
        owned = np.zeros(len(part.baskets.keys), np.bool_)
        self._began = int(part.ts[0]) if self._began is None else self._began
        ends = part.baskets.ends.tolist()
        for b, who in enumerate(part.who.tolist()):
            keys = part.baskets.keys[ends[b] : ends[b + 1]]
            days = (int(part.ts[b]) - self._began) / _DAY_MS
            for lists, best in (
                (popular, self._popularity.top[:LIST]), (frequent, self._frequency.best(who, LIST))
            ):  # fmt: skip
                lists[b, : len(best)] = best
            owned[ends[b] : ends[b + 1]] = self._frequency.owned(who, keys)
            self._frequency.add(who, keys, days)
            self._popularity.add(keys.tolist(), days)
        return frequent, popular, owned
