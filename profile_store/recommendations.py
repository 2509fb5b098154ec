"""What somebody may want next, ranked when it is asked for: interests and the newest snapshots.

The reader knows no recommenders. It is given a `Recommending`, which makes one of the snapshots in
the store; `models.recommending.RECOMMENDING` is the one in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from afflux.baskets.recommendation import Recommendation
from afflux.catalog import Catalog
from afflux.consent import last_word
from afflux.identity import profile_id_of
from afflux.interests.reading import Interest, interests_at
from afflux.interests.rules import DEFAULT_RULES
from afflux.mentions import Subject
from afflux.names import Identity
from afflux.position import NONE_MS
from afflux.rows import RowError
from profile_store.assemble import merged_rows
from profile_store.commands import Command
from profile_store.errors import StoreMisconfigured
from profile_store.event_time import event_times
from profile_store.installation import Installation
from profile_store.keys import Keys, current_key, model_slot
from profile_store.link import Link
from profile_store.replies import checked
from profile_store.selection import Selection
from profile_store.snapshots import snapshots_of
from profile_store.stored import Reading, Stored, fetch

Held = Mapping[Subject, Sequence[Interest]]
"""What somebody is interested in, strongest first."""


class Recommender(Protocol):
    """Ranks."""

    def recommend(self, held: Held, at: int, count: int) -> Mapping[str, Sequence[Recommendation]]:
        """Lists by kind (`categories`, `products`), best first; at: ms since the epoch."""
        ...


class Recommending(Protocol):
    """Makes recommenders of snapshots."""

    @property
    def names(self) -> Sequence[str]:
        """Of the snapshots."""
        ...

    def of(self, snapshots: Sequence[bytes | None]) -> Recommender:
        """Of these, None where there is none yet."""
        ...


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Lists for a person.

    known: whether anything is known of what they like; if not, lists are of what is popular.
    as_of: event time that they are for, ms. versions: of the snapshots, None before the first.
    """

    profile_id: str
    known: bool
    as_of: int
    versions: Mapping[str, str | None]
    lists: Mapping[str, Sequence[Recommendation]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        lists = {kind: [asdict(one) for one in items] for kind, items in self.lists.items()}
        return {
            "profile_id": self.profile_id,
            "known": self.known,
            "as_of": self.as_of,
            "versions": dict(self.versions),
            **lists,
        }


class RecommendationSource:
    """Keeps the recommender of the newest snapshots; looks for newer ones at each call."""

    def __init__(self, link: Link, recommending: Recommending) -> None:
        self._link, self._recommending = link, recommending
        self._made: tuple[tuple[str | None, ...], Recommender] | None = None

    async def of(
        self, keys: Keys, known: tuple[Installation, Catalog], start: Identity, count: int,
        at: int | None,
    ) -> Recommendations:  # fmt: skip
        """For the person with this identity, at a time or at W of its partition."""
        names = self._recommending.names
        commands = [Command(model_slot(n), ("GET", current_key(n))) for n in names]
        found = checked(await self._link.run(commands), self._link.name)
        versions = tuple(v.decode() if v else None for v in found)
        recommender = await self._recommender(versions)
        (stored,) = await fetch(self._link, keys, [start], Selection.of(["affinities"]), Reading())
        now = at if at is not None else (await event_times(self._link, keys, [start]))[0]
        now = max(now, 0) if now != NONE_MS else 0
        held = _held(stored, known, now)
        lists = recommender.recommend(held, now, count)
        return Recommendations(
            profile_id_of(s.identity for s in stored), any(held.values()), now,
            dict(zip(names, versions, strict=True)), lists,
        )  # fmt: skip

    async def _recommender(self, versions: tuple[str | None, ...]) -> Recommender:
        if self._made is None or self._made[0] != versions:
            data = await snapshots_of(self._link, self._recommending.names, versions)
            self._made = versions, self._recommending.of(data)
        return self._made[1]


def _held(person: Sequence[Stored], known: tuple[Installation, Catalog], at: int) -> Held:
    """Of all identities of a person; nothing of one who may not be scored."""
    _, words = merged_rows([person], *known)
    if last_word(words[0]) > 0:
        return {}
    rows = [(stored.identity, stored.interests) for stored in person]
    try:
        return interests_at(rows, at, DEFAULT_RULES.slots)
    except RowError as error:
        raise StoreMisconfigured(f"stored interests are damaged: {error}") from None
