"""Score updates as a subscriber keeps them: of each profile the newest, nothing twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streams.updates import update_order


class Newest:
    """Lets through what is newer than all that came before of its key.

    Updates are delivered at least once, and again after a rewind: the greater (position, version)
    wins, so a subscriber that keeps the greatest is right at any moment.

    limit: how many keys are remembered, those that were heard of last; None: all.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._people: dict[str, frozenset[str]] = {}
        self._limit = limit
        self.dropped = 0

    def is_new(self, update: Mapping[str, Any]) -> bool:
        """Whether it is newer; then it is remembered.

        >>> one = {"identity": "a:1", "positionOffset": 5, "positionVersion": 2}
        >>> newest = Newest()
        >>> newest.is_new(one), newest.is_new(one), newest.is_new(one | {"positionOffset": 6})
        (True, False, True)
        """
        order, key = update_order(update), update["identity"]
        known = self._seen.pop(key, (-1, -1))
        if order <= known:
            self._seen[key] = known
            self.dropped += 1
            return False
        self._seen[key] = order
        if self._limit is not None and len(self._seen) > self._limit:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._people.pop(oldest, None)
        return True

    def change(self, key: str, identities: Iterable[str]) -> str | None:
        """Whether a profile has become another since the last update of its key that is remembered.

        "profile-merged": identities have joined it; "profile-split": some have left; else None.

        >>> newest = Newest()
        >>> [newest.change("a:1", ids) for ids in (["a:1"], ["a:1", "b:2"], ["a:1"], ["a:1"])]
        [None, 'profile-merged', 'profile-split', None]
        """
        now = frozenset(identities)
        before = self._people.get(key, now)
        self._people[key] = now
        if now - before:
            return "profile-merged"
        return "profile-split" if before - now else None


def chosen(
    update: Mapping[str, Any], profile: str | None, models: Iterable[str]
) -> dict[str, Any] | None:
    """The update with only the wanted models; None where it is of another person.

    profile: any identity of the person, `namespace:id`; None for everybody. models: none for all.
    """
    if profile is not None and profile not in (update["identity"], *update["identities"]):
        return None
    wanted = set(models)
    scores = [s for s in update["scores"] if not wanted or s["model"] in wanted]
    return {**update, "scores": scores} if scores else None
