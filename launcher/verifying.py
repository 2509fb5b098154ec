"""What a check of stored rows needs, out of the settings: for the command and for the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from afflux.catalog import Catalog
from afflux.names import Identity
from afflux.oracle.sample import EVERYBODY, Sample
from afflux.shards import shards_for
from launcher.compose import stream_settings
from launcher.decoders import event_decoder
from launcher.planes import enrich_settings
from launcher.settings import Settings
from profile_store.audience_definitions import Definitions
from profile_store.audience_store import AudienceStore
from profile_store.evidence import Evidence, read_evidence
from profile_store.redis_store import RedisShardStore
from streams.admin import Admin
from streams.verify.check import PartitionCheck, Rules
from streams.verify.findings import Report
from streams.verify.log import KafkaLog
from streams.verify.people import Chosen


class Verifier:
    """Makes checks of single partitions. Its `check` blocks: call it in a thread.

    store: of the worker, or one of its own; used in the event loop that this was made in.
    """

    def __init__(self, settings: Settings, catalog: Catalog, store: RedisShardStore) -> None:
        self._settings, self._catalog, self._store = settings, catalog, store
        self._streams = stream_settings(settings, client_id="afflux-verify")
        self._loop = asyncio.get_running_loop()
        self.shelf = AudienceStore(store.link, store.keys)

    async def rules(self) -> Rules:
        """As they are now: deadlines depend on whether there are audiences."""
        # Deadlines that a rule has set outlive it.
        ruled = Definitions.decode(await self.shelf.definitions()).version > 0
        step = enrich_settings(self._settings).step
        return Rules(self._catalog, step, self._settings.partitions, ruled)

    def shards(self, partitions: Sequence[int]) -> list[int]:
        """The shards of these partitions."""
        every = range(shards_for(self._settings.partitions))
        return [s for s in every if s % self._settings.partitions in partitions]

    def check(
        self,
        partition: int,
        rules: Rules,
        sample: Sample,
        people: Chosen,
        pause: Callable[[int], None],
        most: int = 0,
    ) -> Report:
        """Compare people of one partition: see `PartitionCheck.run`."""
        admin = Admin(self._streams, self._settings.kafka.timeout_s)
        decoder = event_decoder(self._settings, self._catalog)
        with KafkaLog(self._streams, partition, admin) as log:
            check = PartitionCheck(partition, rules, sample, log, decoder, self._read, pause)
            return check.run(people, most)

    def check_some(self, partition: int, seed: int, pause: Callable[[int], None]) -> Report:
        """Compare people who are found in the log, as many as the settings say."""
        rules = asyncio.run_coroutine_threadsafe(self.rules(), self._loop).result()
        most = self._settings.verify.people
        return self.check(partition, rules, Sample(seed, EVERYBODY), {}, pause, most)

    def _read(self, shard: int, people: Sequence[Identity]) -> tuple[bytes, list[Evidence]]:
        reading = read_evidence(self._store.link, self._store.keys, shard, people)
        return asyncio.run_coroutine_threadsafe(reading, self._loop).result()
