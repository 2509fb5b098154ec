"""Logs for the crash tests: generated season by season, and read back from the broker."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from afflux.outcome import Control
from enrich_rig import SECRET, START, Logged, Logs
from enrich_workload import DAY, workload
from streams.admin import Admin
from streams.consume import Record, TopicReader
from streams.control_signing import SIGNATURE, sign
from streams.encoding import encode_control
from streams.ports import TP, LogRange, Message
from streams.settings import StreamSettings
from streams.topics import EXPERIENCE_EVENTS, INPUT_TOPICS, TOPICS

SEASON_DAYS = 80
_BUSY_DAYS, _TICK_DAY = 40, 72


@dataclass(frozen=True)
class Sent:
    """A record to produce, with the partition that it belongs to."""

    topic: str
    partition: int
    record: Logged


def season(number: int, records: int, people: int, partitions: int, seed: int) -> list[Sent]:
    """Some weeks of events, in the order of event time; seasons follow each other."""
    start = START + number * SEASON_DAYS * DAY
    logs = Logs(partitions)
    rng_seed = random.Random(f"{seed} {number}").randrange(2**32)
    workload(logs, records, people, _BUSY_DAYS, rng_seed, start, first=number * records)
    sent = [Sent(*tp, record) for tp, log in logs.inputs.items() for record in log]
    return sorted(sent, key=lambda s: s.record.timestamp)


def end_of_season(number: int, partitions: int) -> list[Sent]:
    """A tick in every partition, weeks after the last event: all that is open becomes due."""
    at = START + (number * SEASON_DAYS + _TICK_DAY) * DAY
    return [_tick(partition, at) for partition in range(partitions)]


def _tick(partition: int, at: int) -> Sent:
    topic = EXPERIENCE_EVENTS.name
    value = encode_control(Control("tick", -1, at, at, None, partition))
    signature = sign(SECRET, topic, partition, None, value)
    return Sent(topic, partition, Logged(None, value, at, ((SIGNATURE, signature),)))


@dataclass
class FinalLogs(Logs):
    """Complete logs as they are in the broker, for an undisturbed run over them."""

    topic_ids: dict[str, bytes] = field(default_factory=dict)
    derived: list[tuple[bytes | None, bytes | None]] = field(default_factory=list)
    """(key, value) of the control records that the undisturbed run makes."""

    def ranges(self, partitions: Sequence[int]) -> dict[TP, LogRange]:
        """With the broker's topic ids, so that positions are comparable."""
        return {
            tp: LogRange(self.topic_ids[tp[0]], log.start, log.end)
            for tp, log in super().ranges(partitions).items()
        }

    async def send(self, messages: Sequence[Message]) -> dict[tuple[str, int], int]:
        """Keep derived control records aside: they are in the logs already."""
        self.derived += [(m.key, m.value) for m in messages if m.topic == EXPERIENCE_EVENTS.name]
        return await super().send(messages)


def read_back(
    settings: StreamSettings, admin: Admin, partitions: int
) -> tuple[FinalLogs, dict[str, list[Record]]]:
    """The input topics as they are now, and the records of the others by topic, in order."""
    inputs = {t.name for t in INPUT_TOPICS}
    logs = FinalLogs(partitions, frozen=True)
    logs.topic_ids = {name: t.topic_id for name, t in admin.describe(inputs).items()}
    outputs: dict[str, list[Record]] = {t.name: [] for t in TOPICS if t.name not in inputs}
    with TopicReader(settings, [*inputs, *outputs], admin=admin) as reader:
        for r in reader.to_end():
            if r.topic not in inputs:
                outputs[r.topic].append(r)
                continue
            log = logs.inputs[(r.topic, r.partition)]
            assert r.offset == len(log), "the broker has dropped records"
            log.append(Logged(r.key, r.value, r.timestamp, r.headers))
    return logs, outputs
