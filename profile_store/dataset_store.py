"""The declarations of data sets in Redis, and what goes with a data set that is deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from afflux.merge_policy import MergePolicy
from afflux.names import Dataset, Identity
from profile_store.audience_store import START, AudienceStore, Place
from profile_store.commands import Command
from profile_store.dataset_definitions import Datasets, UnknownPolicy
from profile_store.keys import DATASETS, DATASETS_SLOT, Keys
from profile_store.link import Link
from profile_store.replies import checked
from profile_store.scripts import SWAP
from profile_store.stored import Reading

_RECENT_S = 1.0


class DatasetShelf:
    """What workers, readers and commands share. All methods may raise StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def datasets(self) -> bytes:
        """The stored record, b"" if there is none."""
        (data,) = await self._run([Command(DATASETS_SLOT, ("GET", DATASETS))])
        return data or b""

    async def swap_datasets(self, found: bytes, wanted: bytes) -> bool:
        """Replace what was `found` (b"" for none); False if it is another by now."""
        call = SWAP.with_text(SWAP.call([DATASETS], [found, wanted]))
        (swapped,) = await self._run([Command(DATASETS_SLOT, call)])
        return bool(swapped)

    async def current(self) -> Datasets:
        """The data sets that are declared. Raises StoreMisconfigured."""
        return Datasets.decode(await self.datasets())

    async def forget(self, keys: Keys, dataset: Dataset) -> int:
        """Delete the rows of a data set that nobody writes to any more; how many there were."""
        everybody, shards = AudienceStore(self._link, keys), range(keys.shards)
        place: Place | None = START
        gone = 0
        while place is not None:
            place, people = await everybody.people(shards, place)
            gone += await self._unlink(keys, dataset, people)
        return gone

    async def _unlink(
        self, keys: Keys, dataset: Dataset, people: Sequence[tuple[int, Identity]]
    ) -> int:
        by_shard: dict[int, list[tuple[Identity, Dataset]]] = {}
        for shard, identity in people:
            by_shard.setdefault(shard, []).append((identity, dataset))
        commands = [
            Command(keys.slot(s), ("UNLINK", *keys.attributes(s, rows), *keys.fragments(s, rows)))
            for s, rows in by_shard.items()
        ]
        return sum(await self._run(commands)) if commands else 0

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        return checked(await self._link.run(commands), self._link.name)


class RecentDatasets:
    """For readers: the declarations as they were at most a second ago.

    monotonic: a clock, seconds.
    """

    def __init__(self, shelf: DatasetShelf, monotonic: Callable[[], float] = monotonic) -> None:
        self._shelf, self._monotonic = shelf, monotonic
        self._known: tuple[float, Datasets] | None = None

    async def reading(self, policy: MergePolicy | str | None) -> Reading:
        """How people are read by a policy. Raises UnknownPolicy, StoreError."""
        try:
            return (await self.current()).reading(policy)
        except UnknownPolicy:  # declared just now
            self._known = None
            return (await self.current()).reading(policy)

    async def current(self) -> Datasets:
        """Those at hand, or newer ones. Raises StoreUnavailable, StoreMisconfigured."""
        now = self._monotonic()
        if self._known is None or now - self._known[0] > _RECENT_S:
            self._known = now, await self._shelf.current()
        return self._known[1]
