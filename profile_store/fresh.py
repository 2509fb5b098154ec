"""Fresh scores: what the models say of people as they are now, not as their last event left them.

The reader knows no models. It is given a `Scoring`, which makes a scorer of the snapshots in the
store; `models.scoring.scorer_of` is the one of the models in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import I64
from afflux.names import Identity, ModelName
from afflux.outcomes import ModelSpec
from afflux.scoring import Scorer
from afflux.serving import put_scores
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.event_time import watermark_of
from profile_store.keys import Keys, current_key, model_slot
from profile_store.link import Link
from profile_store.replies import checked
from profile_store.snapshots import snapshots_of


class Scoring(Protocol):
    """Makes scorers of snapshots."""

    def __call__(self, catalog: Catalog, snapshots: Sequence[bytes | None]) -> Scorer:
        """A scorer of the catalog's models. snapshots: of each, None where there is none yet."""
        ...


@dataclass(frozen=True, slots=True)
class Fresh:
    """What fresh scores of some people are made with."""

    catalog: Catalog
    scorer: Scorer
    versions: tuple[str | None, ...]
    """Snapshots that the scorer is made of."""
    now: tuple[int, ...]
    """Event time of each person: W of the partition that they were asked for in, or as given."""

    def times(self, last_ts: I64) -> I64:
        """When each person is scored: now, but never before their last event."""
        return np.maximum(last_ts, np.array(self.now, np.int64))

    def served(
        self,
        matrix: NDArray[np.float16],
        at: I64,
        previous: Sequence[Mapping[ModelName, float]],
    ) -> list[bytes]:
        """A served row a person, as a worker would store it for a refresh at that time."""
        rows = self.catalog.new_served(len(matrix))
        amount = self.catalog.rules.amount
        every = np.arange(len(rows))
        rows["as_of_ts"] = at
        for row, values in zip(rows, previous, strict=True):
            row["value"] = [values.get(m.name, np.nan) for m in self.models]
        put_scores(rows, every, self.scorer, self.scorer.score(matrix), every, amount)
        return self.catalog.encode_rows(rows)

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """What is scored."""
        return self.catalog.models


class FreshSource:
    """Keeps the scorer of the newest snapshots; looks for newer ones at each call."""

    def __init__(self, link: Link, scoring: Scoring) -> None:
        self._link, self._scoring = link, scoring
        self._made: tuple[int, tuple[str | None, ...], Scorer] | None = None

    async def of(
        self, keys: Keys, catalog: Catalog, starts: Sequence[Identity], at: int | None
    ) -> Fresh:
        """For people by the identities that they are asked for, at a time or at W of each."""
        names = [m.name for m in catalog.models]
        shards = shard_of(murmur2(starts), keys.shards).tolist()
        asked = list(dict.fromkeys(shards))
        commands = [Command(model_slot(m), ("GET", current_key(m))) for m in names]
        commands += [Command(keys.slot(s), ("GET", keys.position(s))) for s in asked]
        replies = checked(await self._link.run(commands), self._link.name)
        versions = tuple(v.decode() if v else None for v in replies[: len(names)])
        w = {s: watermark_of(p) for s, p in zip(asked, replies[len(names) :], strict=True)}
        now = tuple(w[s] if at is None else at for s in shards)
        return Fresh(catalog, await self._scorer(catalog, names, versions), versions, now)

    async def _scorer(
        self, catalog: Catalog, names: Sequence[str], versions: tuple[str | None, ...]
    ) -> Scorer:
        made = self._made
        if made is None or made[:2] != (catalog.layout, versions):
            found = await snapshots_of(self._link, names, versions)
            made = self._made = catalog.layout, versions, self._scoring(catalog, found)
        return made[2]
