"""The recommenders of the models in use, for readers: from snapshots as they are stored.

Who has no history is ranked by popularity: that is what is left of the features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from afflux.baskets.held import rows_of
from afflux.baskets.person import SLOTS
from afflux.baskets.recommendation import Recommendation
from afflux.interests.reading import Interest
from afflux.mentions import Subject
from models.basket_learner import BasketLearner
from models.basket_log import Text, decode
from models.next_basket import RECOMMENDERS


@dataclass(frozen=True, slots=True)
class _OneKind:
    learner: BasketLearner
    texts: Mapping[int, Text]

    def ranked(self, held: Sequence[Interest], at: int, count: int) -> list[Recommendation]:
        mine = {thing.key: thing for thing in held[:SLOTS]}
        keys, weights = np.zeros((1, SLOTS), np.uint64), np.zeros((1, SLOTS))
        keys[0, : len(mine)] = list(mine)
        weights[0, : len(mine)] = [thing.weight for thing in mine.values()]
        seconds = np.array([at // 1000], np.int64)
        rows = rows_of(keys, weights, seconds, self.learner.items)
        offered = self.learner.offer(rows, seconds)
        scores = np.where(offered.keys[0] > 0, offered.x[0] @ self.learner.weights, -np.inf)
        found: list[Recommendation] = []
        for i in np.argsort(-scores, kind="stable").tolist():
            key = int(offered.keys[0, i])
            own = mine.get(key)
            id, name = (own.id, own.name) if own is not None else self.texts.get(key, ("", ""))
            if key and id and len(found) < count:
                found.append(Recommendation(id, name or id, _share(scores[i]), own is not None))
        return found


class _Recommender:
    def __init__(self, kinds: Mapping[Subject, _OneKind]) -> None:
        self._kinds = kinds

    def recommend(
        self, held: Mapping[Subject, Sequence[Interest]], at: int, count: int
    ) -> dict[str, list[Recommendation]]:
        """Lists by kind, best first; at: ms since the epoch."""
        return {
            _NAMES[subject]: kind.ranked(held.get(subject, ()), at, count)
            for subject, kind in self._kinds.items()
        }


_NAMES = {Subject.CATEGORY: "categories", Subject.PRODUCT: "products"}


class BasketRecommending:
    """Implements `profile_store.recommendations.Recommending`."""

    @property
    def names(self) -> Sequence[str]:
        """Of the snapshots."""
        return [str(r.name) for r in RECOMMENDERS]

    def of(self, snapshots: Sequence[bytes | None]) -> _Recommender:
        """Of snapshots, None where there is none yet: then a person's own things are ranked.

        Raises models.envelope.SnapshotError.
        """
        kinds = {}
        for subject, data in zip(_NAMES, snapshots, strict=True):
            snapshot = None if data is None else decode(data)
            kinds[subject] = (
                _OneKind(BasketLearner(), {})
                if snapshot is None
                else _OneKind(snapshot.learner, snapshot.texts)
            )
        return _Recommender(kinds)


RECOMMENDING = BasketRecommending()


def _share(score: float) -> float:
    return round(float(1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0)))), 4)
