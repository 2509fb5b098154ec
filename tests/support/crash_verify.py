"""Checks of what workers serve, on the brokers and stores of the crash tests, while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from afflux.limits import StepSettings
from afflux.names import Identity
from core_cases import CATALOG
from crash_site import PARTITIONS, SHARDS, Site
from enrich_rig import SECRET, TIMELINES
from profile_store.audience_store import AudienceStore
from profile_store.evidence import Evidence, read_evidence
from profile_store.redis_store import RedisShardStore
from streams.bad_records import Limits
from streams.decoding import Decoder
from streams.verify.check import PartitionCheck, Rules
from streams.verify.findings import Report
from streams.verify.log import KafkaLog
from streams.verify.people import choose

SETTINGS = StepSettings(SHARDS, timelines=TIMELINES)
"""Those of the workers."""


def verify(site: Site, most: int = 0, seed: int = 0) -> Report:
    """Everybody, or so many, in every partition."""
    return asyncio.run(_verify(site, most, seed))


async def _verify(site: Site, most: int, seed: int) -> Report:
    store = RedisShardStore(site.where, SHARDS)
    loop, rules = asyncio.get_running_loop(), Rules(CATALOG, SETTINGS, PARTITIONS)
    report = Report()

    def read(shard: int, people: Sequence[Identity]) -> tuple[bytes, list[Evidence]]:
        reading = read_evidence(store.link, store.keys, shard, people)
        return asyncio.run_coroutine_threadsafe(reading, loop).result()

    try:
        shelf = AudienceStore(store.link, store.keys)
        people, sample = await choose(shelf, range(SHARDS), most, seed)

        def check(partition: int) -> Report:
            decoder = Decoder(Limits(partitions=PARTITIONS, shards=SHARDS), SECRET)
            with KafkaLog(site.settings, partition, site.admin) as log:
                return PartitionCheck(partition, rules, sample, log, decoder, read).run(people)

        with ThreadPoolExecutor(1) as thread:
            for partition in range(PARTITIONS):
                report.add(await loop.run_in_executor(thread, check, partition))
    finally:
        await store.close()
    return report
