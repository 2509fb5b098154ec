"""An owner whose announcement comes late corrects it: in memory, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

import audience_rig
from core_cases import CATALOG
from enrich_rig import Logs, Worker
from enrich_workload import workload
from profile_store.memory import MemoryShardStore
from streams.encoding import decode_training_examples
from streams.ports import TP, Message
from streams.topics import SCORE_UPDATES, TRAINING_EXAMPLES
from streams.updates import decode, decode_score_updates

PARTITIONS, SHARDS = 1, 4


class HeldLogs(Logs):
    """The broker as one producer sees it: its messages wait until they are let through."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs.partitions, logs.inputs, logs.outputs, logs.now)
        self.gate = asyncio.Event()
        self.waiting = 0

    async def send(self, messages: Sequence[Message]) -> dict[TP, int]:
        """Wait, then append."""
        self.waiting += 1
        await self.gate.wait()
        return await super().send(messages)


def last_words(logs: Logs) -> dict[bytes | None, bytes | None]:
    """The last record of each key of `score-updates`."""
    return {m.key: m.value for m in logs.outputs[SCORE_UPDATES.name]}


def what_stands(store: MemoryShardStore) -> set[bytes]:
    """Who has a served row."""
    return {k.split(b":", 2)[2] for k in store.data if k.startswith(b"v:")}


async def test_late_announcement_of_memberships_does_not_stand() -> None:
    """The same of audiences: the last record of each key is what the store holds in the end."""
    logs = Logs(PARTITIONS)
    workload(logs, 300, people=12, days=60, seed=5)
    logs.frozen = True
    store = MemoryShardStore(audience_rig.SHARDS)
    await audience_rig.save(store, audience_rig.RULES)
    held = HeldLogs(logs)
    held.frozen = True
    slow, quick = (
        audience_rig.worker(store, held, "slow"),
        audience_rig.worker(store, logs, "quick"),
    )
    held.gate.set()
    await slow.own([0])
    held.gate.clear()
    held.waiting = 0
    await slow.step(("experience-events", 0), 200)
    async with asyncio.timeout(10):
        while not held.waiting:
            await asyncio.sleep(0)
    await quick.own([0])
    await quick.drain()
    slow.monotonic += 5
    held.gate.set()
    await slow.plane.revoked([0])
    await slow.plane.close()
    last = {m.key: m.value for m in logs.outputs["audience-updates"]}
    said = {
        key: frozenset(m["audience"] for m in decode("AudienceUpdate", value)["memberships"])
        for key, value in last.items()
        if value is not None
    }
    assert {key: inside for key, inside in said.items() if inside} == audience_rig.stored(store)
    assert said


@pytest.mark.parametrize("late", [True, False])
async def test_late_announcement_does_not_stand(late: bool) -> None:
    """Held up between commit and acks while another owner went on: what it holds now is said.

    Where no time has passed the same announcement is left alone, which shows that the order of
    the messages is what the test says it is.
    """
    logs = Logs(PARTITIONS)
    workload(logs, 900, people=12, days=60, seed=5)
    logs.frozen = True
    store = MemoryShardStore(SHARDS)
    held = HeldLogs(logs)
    held.frozen = True
    slow, quick = Worker(store, held, SHARDS, "slow"), Worker(store, logs, SHARDS, "quick")
    held.gate.set()
    await slow.own([0])
    held.gate.clear()
    held.waiting = 0
    await slow.step(("experience-events", 0), 300)
    async with asyncio.timeout(10):
        while not held.waiting:
            await asyncio.sleep(0)
    await quick.own([0])
    await quick.drain()
    right = last_words(logs)
    assert {k for k, v in right.items() if v} == what_stands(store)
    slow.monotonic += 5 if late else 0
    held.gate.set()
    await slow.plane.revoked([0])
    await slow.plane.close()
    wrong = [k for k, v in last_words(logs).items() if not same(v, right[k])]
    assert (not wrong) == late


def same(one: bytes | None, other: bytes | None) -> bool:
    """Whether two updates say the same; versions of positions and profiles may differ."""
    said = [decode_score_updates([v])[0] if v is not None else {} for v in (one, other)]
    return said[0].get("scores") == said[1].get("scores")


async def test_what_an_intruder_committed_and_never_announced_is_announced() -> None:
    """A stale owner takes a shard back, commits, and dies: the owner that goes on says it.

    The intruder wrote the outbox; the next commit would empty it.
    """
    logs = Logs(PARTITIONS)
    workload(logs, 900, people=12, days=60, seed=7)
    logs.frozen = True
    store = MemoryShardStore(SHARDS)
    held = HeldLogs(logs)
    held.frozen = True
    owner, intruder = Worker(store, logs, SHARDS, "owner"), Worker(store, held, SHARDS, "intruder")
    await owner.own([0])
    await owner.step(("experience-events", 0), 400)
    await owner.plane.tick()
    held.gate.set()
    await intruder.own([0])
    held.gate.clear()
    await intruder.step(("experience-events", 0), 150)
    await owner.drain(most=100)
    told = examples(logs)
    assert {k for k, v in last_words(logs).items() if v} == what_stands(store)

    logs.outputs.clear()
    quiet = Worker(MemoryShardStore(SHARDS), logs, SHARDS, "quiet")
    await quiet.own([0])
    await quiet.drain()
    due = examples(logs)
    assert len(due) > 50
    assert set(map(example, told)) == set(map(example, due))


def examples(logs: Logs) -> set[bytes]:
    """Everything on `training-examples` but the null values of those who are to be forgotten."""
    return {m.value for m in logs.outputs[TRAINING_EXAMPLES.name] if m.value is not None}


def example(value: bytes) -> tuple[object, ...]:
    """What identifies an example."""
    (found,) = [decode_training_examples([value], CATALOG.dimension)]
    return (int(found.shard[0]), *found.key(0))
