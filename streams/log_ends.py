"""Where a topic partition's log starts and ends, as fetch responses say it.

ListOffsets alone is not enough: some brokers answer "latest" with the base of the last batch.
The high watermark in a fetch response is right everywhere.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]
from aiokafka.protocol.offset import OffsetRequest  # type: ignore[import-untyped]

from streams.backoff import Backoff
from streams.errors import BrokerUnavailable
from streams.ports import TP
from streams.retriable import FIRST_PAUSE_S, LONGEST_PAUSE_S, PASSING, PATIENCE_S
from streams.settings import StreamSettings

_LATEST, _EARLIEST = -1, -2
_FETCHES = 5
"""For each topic partition."""
_WAIT_MS = 10
_BYTES = 1024 * 1024


async def log_ends(client: AIOKafkaClient, tps: Iterable[TP]) -> dict[TP, tuple[int, int]]:
    """(start, high watermark) of each topic partition. Raises BrokerUnavailable."""
    wanted = sorted(tps)
    until = monotonic() + PATIENCE_S
    pause = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    while True:
        try:
            return await _ask(client, wanted)
        except KafkaError as error:
            if not _passes(error) or monotonic() > until:
                raise BrokerUnavailable(f"the ends of the logs: {error}") from error
            await client.force_metadata_update()
            await asyncio.sleep(pause.next())


async def read_log_ends(
    settings: StreamSettings, tps: Iterable[TP], timeout: float
) -> dict[TP, tuple[int, int]]:
    """The same with a client of its own. timeout: seconds. Raises BrokerUnavailable."""
    wanted = list(tps)
    client = AIOKafkaClient(**settings.aiokafka())
    try:
        async with asyncio.timeout(timeout):
            await client.bootstrap()
            await client.set_topics({topic for topic, _ in wanted})
            return await log_ends(client, wanted)
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailable(f"Kafka at {settings.brokers}: {error or 'no answer'}") from error
    finally:
        await client.close()


async def _ask(client: AIOKafkaClient, wanted: list[TP]) -> dict[TP, tuple[int, int]]:
    by_node = _by_leader(client, wanted)
    found: dict[TP, tuple[int, int]] = {}
    for node, tps in by_node.items():
        starts = await _offsets(client, node, tps, _EARLIEST)
        latest = await _offsets(client, node, tps, _LATEST)
        ends = await _high_watermarks(client, node, latest)
        found |= {tp: (starts[tp], ends[tp]) for tp in tps}
    return found


def _by_leader(client: AIOKafkaClient, wanted: list[TP]) -> dict[int, list[TP]]:
    by_node: dict[int, list[TP]] = defaultdict(list)
    for tp in wanted:
        node = client.cluster.leader_for_partition(TopicPartition(*tp))
        if node is None or node == -1:
            raise LeaderNotAvailableError(f"{tp[0]}-{tp[1]} has no leader")
        by_node[node].append(tp)
    return by_node


async def _offsets(client: AIOKafkaClient, node: int, tps: list[TP], which: int) -> dict[TP, int]:
    topics = _by_topic({tp: (tp[1], which) for tp in tps})
    response = await client.send(node, OffsetRequest(-1, 0, topics))
    found: dict[TP, int] = {}
    for topic, partitions in response.topics:
        for partition, code, *rest in partitions:
            _check(code, topic, partition)
            found[topic, partition] = rest[-1]
    return found


async def _high_watermarks(
    client: AIOKafkaClient, node: int, latest: Mapping[TP, int]
) -> dict[TP, int]:
    found: dict[TP, int] = {}
    for _ in range(_FETCHES * len(latest)):
        # A response may leave partitions out, and does if it may not wait or has no bytes left.
        missing = {tp: (tp[1], at, 1) for tp, at in latest.items() if tp not in found}
        if not missing:
            return found
        request = FetchRequest(_WAIT_MS, 1, _BYTES, 0, _by_topic(missing))
        response = await client.send(node, request)
        for topic, partitions in response.topics:
            for partition, code, high_watermark, *_ in partitions:
                _check(code, topic, partition)
                found[topic, partition] = max(high_watermark, latest[topic, partition])
    raise KafkaTimeoutError(f"no high watermark of {sorted(set(latest) - set(found))}")


def _by_topic(entries: Mapping[TP, tuple[int, ...]]) -> list[tuple[str, list[Any]]]:
    topics: dict[str, list[Any]] = defaultdict(list)
    for (topic, _), entry in entries.items():
        topics[topic].append(entry)
    return list(topics.items())


def _passes(error: KafkaError) -> bool:
    return bool(error.retriable or getattr(error, "errno", 0) in PASSING)


def _check(code: int, topic: str, partition: int) -> None:
    error = for_code(code)
    if code:
        raise error(f"{topic}-{partition}")
