"""What is known of the recommenders, for people and as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from launcher.compose import redis_options
from launcher.errors import LauncherError
from launcher.settings import Settings
from models.basket_log import BasketSnapshot, decode
from models.envelope import SnapshotError, version_name, version_of
from models.next_basket import RECOMMENDERS, Recommender

_TITLES = (
    "recommender",
    "predicts",
    "baskets",
    "figure",
    "of its lists",
    "frequency",
    "popularity",
)
_FIGURES = (("recall10", "recall@10"), ("ndcg10", "NDCG@10"))


@dataclass(frozen=True, slots=True)
class KnownRecommender:
    """A recommender and its current snapshot, None before the first."""

    recommender: Recommender
    version: str | None
    snapshot: BasketSnapshot | None

    def as_json(self) -> dict[str, Any]:
        """Everything, with the names of the metrics of `model-updates`."""
        about = {"model": self.recommender.name, "predicts": self.recommender.describe()}
        snapshot = self.snapshot
        if snapshot is None:
            return about | {"version": None, "examples": 0, "trusted": False, "metrics": {}}
        baskets = snapshot.learner.baskets
        return about | {
            "version": self.version,
            "examples": baskets,
            "trusted": baskets > 0,
            "learned_offset": snapshot.offset,
            "metrics": snapshot.metrics,
        }


def known_recommenders(settings: Settings) -> list[KnownRecommender]:
    """Their current snapshots. Raises LauncherError for one that cannot be used."""
    from profile_store import AsyncProfileStore

    async def read() -> list[bytes | None]:
        async with AsyncProfileStore(redis_options(settings)) as store:
            return await store.snapshots([str(r.name) for r in RECOMMENDERS])

    data = asyncio.run(read())
    try:
        return [_known(r, found) for r, found in zip(RECOMMENDERS, data, strict=True)]
    except SnapshotError as error:
        raise LauncherError(str(error)) from error


def _known(recommender: Recommender, data: bytes | None) -> KnownRecommender:
    if data is None:
        return KnownRecommender(recommender, None, None)
    return KnownRecommender(recommender, version_name(version_of(data)), decode(data))


def table(known: Sequence[KnownRecommender]) -> Table:
    """Two rows each: how good the lists of the recent baskets were, beside the baselines."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in _TITLES:
        made.add_column(title, overflow="fold")
    for one in known:
        facts = one.as_json()
        head = [facts["model"], facts["predicts"], f"{facts['examples']:,}"]
        for figure, words in _FIGURES:
            named = [f"recent_{of}{figure}" for of in ("", "frequency_", "popularity_")]
            said = [f"{facts['metrics'][n]:.3f}" if facts["metrics"] else "-" for n in named]
            made.add_row(*head, words, *said)
            head = ["", "", ""]
    return made
