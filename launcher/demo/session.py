"""A demo while everything runs: replay, paced phase, what came out of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Self

from rich.console import Console

from afflux.shards import shards_for
from launcher.chosen_models import chosen_models
from launcher.compose import redis_options, stream_settings
from launcher.data.replay import Item, Replay
from launcher.data.shape import DataSet
from launcher.demo.feed import Feed
from launcher.demo.measured import Measured, Watched, replay_through
from launcher.demo.model_quality import Qualities
from launcher.demo.outcome_view import show
from launcher.demo.paced import measure_freshness
from launcher.demo.progress import display
from launcher.demo.result import Counts, Result, check
from launcher.errors import LauncherError
from launcher.settings import Settings
from launcher.stack import Stack
from launcher.worker_process import WorkerProcess
from profile_store import AsyncProfileStore, Profile
from profile_store.redis_store import RedisShardStore
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.dead_letter_codec import DeadLetter
from streams.dead_letters import read_dead_letters
from streams.topics import TRAINING_EXAMPLES

_AT_ONCE = 500
_LEARNER_PATIENCE_S = 15.0
_MB = 1_000_000


class Session:
    """Connections to a running stack with its worker; an async context manager."""

    def __init__(
        self,
        settings: Settings,
        stack: Stack,
        worker: WorkerProcess,
        replay: Replay,
        data: DataSet,
        console: Console,
    ) -> None:
        self._streams = stream_settings(settings)
        self._stack, self._worker = stack, worker
        self._replay, self._data, self._console = replay, data, console
        options, shards = redis_options(settings), shards_for(stack.partitions)
        self._store = RedisShardStore(options, shards)
        self._profiles = AsyncProfileStore(options)
        self._qualities = Qualities(self._streams, [m.spec for m in chosen_models(settings)])
        self._watched = Watched(worker, self._store, shards, self._qualities)

    async def run(self, speed: float | None) -> Result:
        """Replay, measure freshness, show what came of it. Raises LauncherError."""
        with self._console.status("waiting for the worker"):
            await self._watched.ready()
        measured = await self._replayed(speed)
        with self._console.status("waiting for the learner"):
            await self._learned()
        with self._console.status("measuring freshness at a steady pace"):
            freshness, paced = await self._freshness()
        counts = await self._settled(len(self._replay.items) + paced)
        people = await self._people()
        letters = await asyncio.to_thread(lambda: list(read_dead_letters(self._streams)))
        dead = dict(Counter(letter.code.name for letter in letters))
        sent = len(self._replay.items) + paced
        check(sent, counts, dead)
        self._check_extras(counts)
        result = Result(
            data=self._data.name,
            real=self._data.name != "generated",
            broker=self._stack.kind,
            events_in=sent,
            accepted=counts.accepted,
            rejected=counts.rejected,
            duplicates=counts.duplicates,
            profiles=sum(person is not None for person in people.values()),
            seconds=measured.seconds,
            events_per_s=measured.counts.folded / measured.seconds,
            worker_cpu_us_per_event=1e6 * measured.cpu_s / max(1, measured.counts.folded),
            worker_rss_mb=measured.rss / _MB,
            freshness_ms=freshness,
            models={name: q.to_json() for name, q in self._qualities.latest.items()},
            dlq=dead,
        )
        await self._show(result, letters)
        return result

    async def stay(self) -> None:
        """Leave all running until it is interrupted. Raises StartFailed if the worker ends."""
        running = self._stack.running
        self._console.print(
            f"\nall of it goes on: kafka {running.bootstrap}, {running.redis_url}. Ctrl-C ends it."
        )
        while True:
            self._worker.check()
            await asyncio.sleep(0.2)

    async def _replayed(self, speed: float | None) -> Measured:
        feed = Feed(self._replay.items, BulkProducer(self._streams), speed)
        total = len(self._replay.items)
        try:
            shown = display(self._console, "replay", total)
            return await replay_through(self._watched, feed, total, shown)
        finally:
            feed.stop()

    async def _freshness(self) -> tuple[dict[str, float | None], int]:
        people = sorted({item.key for item in self._replay.items if not item.attributes})
        names = [key.decode() for key in people]
        last = max(item.at for item in self._replay.items) + 1000
        found, sent = await measure_freshness(self._streams, self._profiles, names, last)
        if found.missing:
            raise LauncherError(
                f"the scores of {found.missing} of {sent} events could not be read in time",
                hint=f"the worker's log is {self._worker.log}",
            )
        return found.percentiles(), sent

    async def _settled(self, sent: int) -> Counts:
        """The counters once they count all that was sent, or after a while as they are."""
        end = time.monotonic() + 5
        while (counts := await self._watched.counts()).folded < sent and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return counts

    async def _learned(self) -> None:
        """Until the learner has published what it can know, or shows no sign of it."""
        admin = Admin(self._streams)
        end = time.monotonic() + _LEARNER_PATIENCE_S
        while time.monotonic() < end:
            logs = await asyncio.to_thread(admin.log_ranges, [TRAINING_EXAMPLES.name])
            self._qualities.refresh()
            if self._qualities.learned() >= sum(log.end for log in logs.values()):
                return
            await asyncio.sleep(0.2)

    async def _people(self) -> dict[bytes, Profile | None]:
        keys = sorted({item.key for item in self._replay.items})
        found: dict[bytes, Profile | None] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            names = [_name(key) for key in some]
            profiles = await self._profiles.get_many(names, fields=["engagement"])
            found |= dict(zip(some, profiles, strict=True))
        return found

    def _check_extras(self, counts: Counts) -> None:
        rejected = sum(counts.rejected.values())
        if (rejected, counts.duplicates) != (self._replay.faults, self._replay.repeats):
            raise LauncherError(
                f"{self._replay.faults} broken records and {self._replay.repeats} repeats were "
                f"sent, but {rejected} were rejected and {counts.duplicates} were duplicates",
                hint=f"rejected: {dict(counts.rejected)}",
            )

    async def _show(self, result: Result, letters: Sequence[DeadLetter]) -> None:
        who = chosen_person(self._replay.items, self._data)
        profile = await self._profiles.get(*_name(who))
        show(self._console, result, self._qualities.latest, letters, profile)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._qualities.close()
        await self._profiles.close()
        await self._store.close()


def chosen_person(items: Sequence[Item], data: DataSet) -> bytes:
    """Whose profile is shown: of the people with attributes, who has the most events."""
    counts = Counter(item.key for item in items if not item.attributes)
    known = {f"{data.namespace}:{person}".encode() for person in data.attributes}
    return max(counts, key=lambda key: (key in known, counts[key]))


def _name(key: bytes) -> tuple[str, str]:
    namespace, _, id = key.decode().partition(":")
    return namespace, id
