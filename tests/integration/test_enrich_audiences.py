"""Audiences in the enrich plane, over logs in memory: stored, counted and announced agree.

The oracle of the rules themselves is elsewhere (`tests/property/test_audience_oracle.py`); here
they are asked once more of the final rows, at the final W.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from audience_rig import (
    RULES,
    SHARDS,
    announced,
    asked_now,
    members,
    save,
    shelf,
    stored,
    without,
    worker,
)
from enrich_rig import START, Logged, Logs, StoreUnavailable, rows_of
from enrich_workload import DAY, delete, purchase, workload
from profile_store.audience_store import Swept
from profile_store.memory import MemoryShardStore
from streams.delivery import DeliveryClosed
from streams.encoding import encode_attributes
from streams.updates import decode

PARTITIONS = 4


def make_logs(seed: int, records: int = 500) -> Logs:
    """A workload with links, deletes, attributes, late events."""
    logs = Logs(PARTITIONS)
    workload(logs, records, people=30, days=90, seed=seed)
    return logs


async def assert_all_agree(store: MemoryShardStore, logs: Logs) -> None:
    """Rows, sets of members and updates say the same, and it is what the rules say."""
    wanted, linked = await asked_now(store)
    assert stored(store) == members(store) == announced(logs)
    assert without(stored(store), linked) == wanted
    assert len(wanted) > 10


@pytest.mark.slow
async def test_any_cutting_into_batches_gives_the_same_memberships() -> None:
    """With the rules and snapshots fixed, small random batches end like a few large ones."""
    for seed in range(2):
        ends = []
        for most in (3, 40, 10_000):
            logs = make_logs(seed, 300)
            logs.frozen = True
            store = MemoryShardStore(SHARDS)
            await save(store, RULES)
            w = worker(store, logs)
            await w.own(range(PARTITIONS))
            await w.drain(random.Random(most), most=most)
            await w.tick()
            await w.plane.close()
            await assert_all_agree(store, logs)
            _, linked = await asked_now(store)
            ends.append((linked, without(stored(store), linked)))
        assert ends[0] == ends[1] == ends[2]


async def test_rules_change_nothing_of_what_the_log_decides() -> None:
    """Fragments, attributes, edges and examples are the same bytes with and without audiences."""
    dumps, examples = [], []
    for rules in ({}, RULES):
        logs = make_logs(7)
        logs.frozen = True
        store = MemoryShardStore(SHARDS)
        await save(store, rules)
        w = worker(store, logs)
        await w.own(range(PARTITIONS))
        await w.drain(most=200)
        dumps.append({k: v for k, v in rows_of(store.dump()).items() if not k.startswith(b"d:")})
        examples.append({m.value for m in logs.outputs["training-examples"]})
    assert dumps[0] == dumps[1]
    assert examples[0] == examples[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_crashes_lose_and_double_no_membership(seed: int) -> None:
    """Lost replies, dead producers, other owners: memberships are of the same commit as rows."""
    logs, rng = make_logs(20 + seed), random.Random(seed)
    store = MemoryShardStore(SHARDS)
    await save(store, RULES)
    for life in range(10):
        logs.fail_after = rng.choice([None, rng.randrange(80)])
        w = worker(store, logs, f"life {life}")
        with suppress(StoreUnavailable, DeliveryClosed):
            await w.own(range(PARTITIONS))
            store.lose_next_commit(rng.choice([None, 0, 1, 3]))
            for _ in range(60):
                await w.step(rng.choice(list(w.offsets)), rng.randint(1, 40))
                if rng.random() < 0.1:
                    await w.tick()
        await w.plane.revoked(range(PARTITIONS))
    logs.fail_after = None
    w = worker(store, logs, "last")
    await w.own(range(PARTITIONS))
    await w.drain(rng)
    await w.tick()
    await w.plane.close()
    await assert_all_agree(store, logs)


async def test_with_room_for_few_rows_a_commit_nothing_else_changes() -> None:
    """Waves of windows that run out, and batches, are cut into several commits."""
    logs = make_logs(11)
    store = MemoryShardStore(SHARDS)
    await save(store, RULES)
    w = worker(store, logs, commit_rows=6)
    await w.own(range(PARTITIONS))
    await w.drain(most=200)
    await w.tick()
    await w.plane.close()
    await assert_all_agree(store, logs)


async def test_a_new_rule_is_asked_of_everybody_and_a_deleted_one_of_nobody() -> None:
    """Back-fill: without one more record, saved, changed and deleted rules hold for all people."""
    logs = make_logs(5)
    store = MemoryShardStore(SHARDS)
    w = worker(store, logs)
    await w.own(range(PARTITIONS))
    await w.drain()
    assert not [k for k in store.data if k[:2] in (b"u:", b"n:", b"b:")]
    for rules in ({"buyers": RULES["buyers"], "lost": RULES["lost"]}, {"lost": "false"}, RULES):
        definitions = await save(store, rules)
        await w.tick()
        await w.plane.close()
        await assert_all_agree(store, logs)
        swept = await shelf(store).swept(range(SHARDS))
        assert {(s.version, s.done) for s in swept} == {(definitions.version, True)}
        assert sum(s.people for s in swept) > 30
    gone = await save(store, dict.fromkeys(RULES))
    await w.tick()
    await w.plane.close()
    assert not gone.audiences
    assert stored(store) == members(store) == announced(logs) == {}
    assert not [k for k in store.data if k.startswith(b"u:")]


async def test_a_back_fill_that_is_interrupted_is_done_by_the_next_owner() -> None:
    """A worker that dies in the midst of it leaves shards that are not done."""
    logs = make_logs(6)
    store = MemoryShardStore(SHARDS)
    w = worker(store, logs)
    await w.own(range(PARTITIONS))
    await w.drain()
    await save(store, RULES)
    store.lose_next_commit(1)
    with suppress(StoreUnavailable):
        await w.tick()
    other = worker(store, logs, "other")
    await other.own(range(PARTITIONS))
    assert not all(s.done for s in await shelf(store).swept(range(SHARDS)))
    await other.tick()
    await other.plane.close()
    await assert_all_agree(store, logs)


async def test_rules_that_do_not_fit_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A rule about a model that this worker has not: one error, and the rules at hand go on."""
    logs = make_logs(5)
    store = MemoryShardStore(SHARDS)
    await save(store, RULES)
    w = worker(store, logs)
    await w.own(range(PARTITIONS))
    await save(store, {"other": "scores.other.value > 0.5"})
    await w.drain()
    errors = [r.message for r in caplog.records if r.levelname == "ERROR"]
    assert len(errors) == 1
    assert "`scores` has no `other`" in errors[0]
    assert set().union(*stored(store).values()) <= RULES.keys()


async def test_a_window_that_runs_out_with_no_event_ends_the_membership_in_time() -> None:
    """On an idle partition, second by second: exit and entry at most a second of event time late.

    The entry has the very millisecond at which the window was over.
    """
    logs = Logs(1)
    store = MemoryShardStore(SHARDS)
    await save(
        store,
        {
            "buyers": "now - events.purchases.last < duration('60s')",
            "later": ("now - events.purchases.last >= duration('61s')"),
        },
    )
    w = worker(store, logs, idle_tick_s=30)
    logs.append("experience-events", purchase(START, "e1"))
    await w.own([0])
    await w.drain()
    assert stored(store) == {b"crm:1": {"buyers"}}
    for second in range(1, 90):
        logs.now = START + second * 1000 + 137
        w.monotonic += 1
        await w.tick()
        while await w.step(("experience-events", 0), 10):
            pass
        await w.plane.close()
    (first, last, late) = (
        decode("AudienceUpdate", m.value or b"") for m in logs.outputs["audience-updates"]
    )
    assert (first["realized"], first["eventId"], first["eventTime"]) == (["buyers"], "e1", START)
    assert (last["exited"], last["eventId"]) == (["buyers"], "")
    assert 0 <= last["eventTime"] - (START + 60_000) <= 1_000
    assert late["memberships"] == [{"audience": "later", "since": START + 61_000}]
    assert 0 <= late["eventTime"] - (START + 61_000) <= 1_000
    assert len(logs.inputs["experience-events", 0]) < 8, "an idle partition is ticked when needed"


async def test_attributes_alone_change_a_membership() -> None:
    """A record of attributes has no event: its person is asked within the next second."""
    logs = Logs(1)
    store = MemoryShardStore(SHARDS)
    await save(store, {"gold": RULES["gold"]})
    w = worker(store, logs)
    logs.append("experience-events", purchase(START, "e1", "crm:2"))
    await w.own([0])
    await w.drain()
    seen = []
    for number, (who, tier) in enumerate([("1", "gold"), ("2", "gold"), ("1", "none")]):
        record = {
            "timestamp": START + number, "identityMap": {"crm": [{"id": who}]},
            "attributes": {"tier": tier},
        }  # fmt: skip
        logs.append(
            "profile-attributes",
            Logged(f"crm:{who}".encode(), encode_attributes([record])[0], START + number),
        )
        while await w.step(("profile-attributes", 0), 10):
            pass
        await w.tick()
        await w.plane.close()
        seen.append(set(stored(store)))
    assert seen == [{b"crm:1"}, {b"crm:1", b"crm:2"}, {b"crm:2"}]
    assert stored(store) == members(store) == announced(logs)


async def test_who_was_there_before_event_time_is_asked_when_there_is_some() -> None:
    """Attributes before the first event of a partition: nobody can be asked, until then."""
    logs = Logs(1)
    store = MemoryShardStore(SHARDS)
    await save(store, {"gold": RULES["gold"]})
    w = worker(store, logs)
    record = {
        "timestamp": START, "identityMap": {"crm": [{"id": "1"}]}, "attributes": {"tier": "gold"},
    }  # fmt: skip
    logs.append("profile-attributes", Logged(b"crm:1", encode_attributes([record])[0], START))
    await w.own([0])
    await w.drain()
    assert all(s.done and s.untimed for s in await shelf(store).swept(range(SHARDS)))
    assert stored(store) == {}
    logs.append("experience-events", purchase(START, "e1", "crm:2"))
    await w.drain()
    assert stored(store) == members(store) == {b"crm:1": {"gold"}}
    before = await store.positions(range(SHARDS))
    await w.tick()
    assert not any(s.untimed for s in await shelf(store).swept(range(SHARDS)))
    assert await store.positions(range(SHARDS)) == before, "nobody is asked twice"


async def test_a_deleted_person_is_in_no_audience_and_has_a_tombstone() -> None:
    """Memberships go with the person; who comes back starts anew."""
    logs = Logs(1)
    store = MemoryShardStore(SHARDS)
    await save(store, {"all": "events.events.total > 0", "never": "!has(events.views.last)"})
    w = worker(store, logs)
    await w.own([0])
    logs.append("experience-events", purchase(START, "e1"))
    await w.drain()
    delete(logs, "crm:1", START + 1)
    await w.drain()
    assert stored(store) == members(store) == {}
    assert not [k for k in store.data if k[:2] in (b"u:", b"n:")]
    assert logs.outputs["audience-updates"][-1][:3] == ("audience-updates", b"crm:1", None)
    logs.append("experience-events", purchase(START + DAY, "e2"))
    delete(logs, "crm:1", START + DAY + 1)
    logs.append("experience-events", purchase(START + DAY + 2, "e3"))
    await w.drain()
    update = decode("AudienceUpdate", logs.outputs["audience-updates"][-1].value or b"")
    assert {m["audience"]: m["since"] for m in update["memberships"]} == {
        "all": START + DAY + 2, "never": START + DAY + 2,
    }  # fmt: skip
    assert stored(store) == members(store) == announced(logs) == {b"crm:1": {"all", "never"}}


def test_progress_has_a_stored_form() -> None:
    """Nothing stored is nothing asked."""
    assert Swept.decode(None) == Swept(0, 0, False, False)
