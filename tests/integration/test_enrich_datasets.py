"""Several data sets in one worker: rows of their own, a switch, exact counts, deletes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from afflux.datasets import DatasetError, Declaration
from afflux.limits import DAY_MS
from afflux.merge_policy import MergePolicy
from afflux.names import ATTRIBUTES, PATCHES, Dataset
from dataset_rig import SHARDS, DatasetSite
from enrich_rig import START, Logged
from launcher.dataset_desk import counted, in_kafka
from memory_link import MemoryLink
from profile_store import AsyncProfileStore
from profile_store.dataset_definitions import UnknownPolicy
from profile_store.keys import Keys
from streams.encoding import encode_patches
from streams.ports import TopicsChanged

CRM = Declaration(Dataset("crm"), "record", "crm-records", 0, precedence=200)
WEB = Declaration(Dataset("web"), "record", "web-records", 0, fields={"city": "string"})


@pytest.fixture
async def site() -> DatasetSite:
    """With the data sets crm and web beside the built-in ones."""
    made = DatasetSite()
    await made.declare(lambda found: found.created(CRM).created(WEB))
    await made.start()
    return made


async def test_each_data_set_has_rows_of_its_own_and_they_are_merged_when_read(
    site: DatasetSite,
) -> None:
    """Merged when read: of two values of a name the later one; names of all of them."""
    site.record("profile-attributes", "crm:1", 5, city="Ulm", age=30)
    site.record("crm-records", "crm:1", 9, city="Köln", tier="gold")
    site.record("web-records", "crm:1", 7, city="Bonn")
    await site.worker.drain()
    assert [len(site.rows(name)) for name in ("attributes", "crm", "web")] == [1, 1, 1]
    profile = await site.reader.get("crm", "1")
    assert profile is not None
    assert profile.attributes == {"city": "Köln", "age": 30, "tier": "gold"}


async def test_counts_of_each_data_set_are_exact(site: DatasetSite) -> None:
    """Accepted, rejected by a declared field, what is left to fold, and the newest time."""
    site.event("crm:1", 1)
    site.event("crm:2", 2)
    for at in (3, 8, 4):
        site.record("crm-records", f"crm:{at}", at, tier="gold")
    site.record("web-records", "crm:1", 5, city="Bonn")
    site.record("web-records", "crm:1", 6, city=5)
    site.record("web-records", "crm:1", 6, town="Bonn")
    await site.worker.drain()
    site.record("crm-records", "crm:9", 99, tier="none")
    now, positions = site.source.current, await site.positions()
    found = {one.name: counted(one, positions) for one in now.by_number}
    assert found == {
        "events": {"accepted": 2, "rejected": 0, "set_aside": 0, "newest": START + 2},
        "attributes": {"accepted": 0, "rejected": 0, "set_aside": 0, "newest": None},
        "patches": {"accepted": 0, "rejected": 0, "set_aside": 0, "newest": None},
        "crm": {"accepted": 3, "rejected": 0, "set_aside": 0, "newest": START + 8},
        "web": {"accepted": 1, "rejected": 2, "set_aside": 0, "newest": START + 5},
    }
    logs = site.logs.ranges([0])
    assert in_kafka(now.one("crm"), positions, logs) == {"records": 4, "behind": 1}
    assert in_kafka(now.one("web"), positions, {}) == {"records": None, "behind": None}
    letters = sorted((t, b.pointer) for (t, _, _), b in site.worker.dead_letters.found.items())
    assert letters == [("web-records", "/attributes/city"), ("web-records", "/attributes/town")]


async def test_a_disabled_data_set_is_passed_and_counted(site: DatasetSite) -> None:
    """What was folded stays, what comes meanwhile does not, what comes after enabling does."""
    site.record("crm-records", "crm:1", 1, tier="gold")
    await site.worker.drain()
    await site.declare(lambda found: found.switched("crm", False, 0))
    site.record("crm-records", "crm:1", 2, tier="lead")
    site.record("crm-records", "crm:2", 3, tier="lead")
    await site.worker.drain()
    before = counted(site.source.current.one("crm"), await site.positions())
    assert before == {"accepted": 1, "rejected": 0, "set_aside": 2, "newest": START + 1}
    assert [row["attributes"] for row in site.rows("crm").values()] == [{"tier": "gold"}]
    await site.declare(lambda found: found.switched("crm", True, 0))
    site.record("crm-records", "crm:2", 4, tier="tin")
    await site.worker.drain()
    after = counted(site.source.current.one("crm"), await site.positions())
    assert (after["accepted"], after["set_aside"]) == (2, 2)
    assert not site.worker.dead_letters.found


async def test_events_can_be_disabled_and_deletes_go_on(site: DatasetSite) -> None:
    """No event is folded and W stands still; whoever asks to be forgotten is."""
    site.event("crm:1", 1)
    site.record("crm-records", "crm:1", 1, tier="gold")
    await site.worker.drain()
    await site.declare(lambda found: found.switched("events", False, 0))
    site.event("crm:1", 2)
    site.event("crm:2", DAY_MS)
    site.delete("crm:1", 3)
    await site.worker.drain()
    found = counted(site.source.current.one("events"), await site.positions())
    assert found == {"accepted": 1, "rejected": 0, "set_aside": 2, "newest": START + 1}
    assert await site.reader.get("crm", "2") is None
    assert await site.reader.get("crm", "1") is None


async def test_a_delete_removes_the_rows_of_every_data_set(site: DatasetSite) -> None:
    """Also those that come later and are not newer than the delete."""
    for topic in ("profile-attributes", "crm-records", "web-records"):
        site.record(topic, "crm:1", 5, city="Ulm")
        site.record(topic, "crm:2", 5, city="Ulm")
    await site.worker.drain()
    site.delete("crm:1", 6)
    await site.worker.drain()
    site.record("crm-records", "crm:1", 6, city="late")
    await site.worker.drain()
    left = [key for name in ("attributes", "crm", "web") for key in site.rows(name)]
    assert len(left) == 3
    assert all(b":crm:2:" in key for key in left)


async def test_a_new_data_set_is_read_by_another_consumer(site: DatasetSite) -> None:
    """The running one goes on with its topics; the next has the new one, from its start."""
    site.record("crm-records", "crm:1", 1, tier="gold")
    await site.worker.drain()
    more = replace(CRM, name=Dataset("erp"), topic="erp-records")
    await site.declare(lambda found: found.created(more))
    site.record("erp-records", "crm:1", 2, erp=1)
    with pytest.raises(TopicsChanged, match="erp-records"):
        await site.worker.plane.tick()
    assert site.worker.plane.topics[-1] == "erp-records"
    await site.again()
    await site.worker.drain()
    profile = await site.reader.get("crm", "1")
    assert profile is not None
    assert profile.attributes == {"tier": "gold", "erp": 1}


async def test_a_deleted_data_set_leaves_nothing_in_profiles(site: DatasetSite) -> None:
    """Its rows go, others stay; a later one of the same name starts anew."""
    site.record("crm-records", "crm:1", 1, tier="gold")
    site.record("web-records", "crm:1", 1, city="Bonn")
    await site.worker.drain()
    crm = site.source.current.one("crm")
    await site.declare(lambda found: found.switched("crm", False, 0).deleted("crm", 10_000))
    assert await site.shelf.forget(Keys(SHARDS), crm.name) == 1
    assert (len(site.rows("crm")), len(site.rows("web"))) == (0, 1)
    await site.again()
    await site.worker.drain()
    profile = await AsyncProfileStore(link=MemoryLink(site.store)).get("crm", "1")
    assert profile is not None
    assert profile.attributes == {"city": "Bonn"}


async def test_values_that_are_too_old_are_not_shown(site: DatasetSite) -> None:
    """By event time, where W of the person's partition stands, or as of the time asked for."""
    await site.declare(
        lambda found: found.created(
            replace(CRM, name=Dataset("short"), topic="short-records", ttl_ms=DAY_MS)
        )
    )
    await site.again()
    site.record("short-records", "crm:1", 0, mood="good")
    site.record("crm-records", "crm:1", 0, tier="gold")
    site.event("crm:1", 1)
    await site.worker.drain()
    young = await site.reader.get("crm", "1")
    site.event("crm:2", DAY_MS - 1)
    site.event("crm:3", DAY_MS)
    site.event("crm:2", DAY_MS + 1)
    site.event("crm:1", DAY_MS + 2)
    await site.worker.drain()
    shown = [young]
    for at in (None, START + 9):
        shown.append(await site.reader.get("crm", "1", at=at))
    both, tier = {"tier": "gold", "mood": "good"}, {"tier": "gold"}
    assert [one and one.attributes for one in shown] == [both, tier, both]


async def test_policies_are_chosen_by_name_when_read(site: DatasetSite) -> None:
    """By time, by precedence, by an order, with and without links: rows stay as they are."""
    site.event("crm:1", 1, "email:x")
    site.event("email:x", 2)
    site.record("crm-records", "crm:1", 3, city="Ulm")
    site.record("web-records", "crm:1", 9, city="Bonn")
    site.record("profile-attributes", "email:x", 5, city="Köln", age=30)
    await site.worker.drain()
    before = dict(site.store.data)
    web_first = MergePolicy(attributes="dataSetPrecedence", order=(WEB.name, CRM.name))
    await site.declare(lambda found: found.with_policy("web-first", web_first))
    seen = {}
    for name in (None, "timestamp-ordered", "dataset-precedence", "web-first", "unstitched"):
        one = await site.reader.get("email", "x", policy=name)
        assert one is not None
        assert one.engagement is not None
        seen[name] = one.attributes["city"], one.engagement.events, len(one.identities)
    assert seen == {
        None: ("Bonn", 2, 2),
        "timestamp-ordered": ("Bonn", 2, 2),
        "dataset-precedence": ("Ulm", 2, 2),
        "web-first": ("Bonn", 2, 2),
        "unstitched": ("Köln", 1, 1),
    }
    await site.declare(lambda found: found.with_default("dataset-precedence"))
    one = await site.reader.get("email", "x")
    assert one is not None
    assert one.attributes == {"city": "Ulm", "age": 30}
    assert {k: v for k, v in site.store.data.items() if k != b"afflux:datasets"} == {
        k: v for k, v in before.items() if k != b"afflux:datasets"
    }
    with pytest.raises(UnknownPolicy, match="there are: timestamp-ordered"):
        await site.reader.get("email", "x", policy="newest")


async def test_marks_change_with_the_policy_and_with_time(site: DatasetSite) -> None:
    """What a cache has under a mark is what a reader would get now."""
    short = replace(CRM, name=Dataset("short"), topic="short-records", ttl_ms=DAY_MS)
    await site.declare(lambda found: found.created(short))
    await site.again()
    site.record("short-records", "crm:1", 0, mood="good")
    site.event("crm:1", 1)
    await site.worker.drain()
    marks = []
    for at, policy in ((1, None), (2, None), (DAY_MS, None), (1, "dataset-precedence")):
        found = await site.reader.find([("crm", "1")], policy=policy, at=START + at)
        marks += found.marks()
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3


async def test_patches_change_some_attributes_and_leave_the_others(site: DatasetSite) -> None:
    """Set, changed and removed, by time and not by arrival; one row; counts of their own."""
    site.record("profile-attributes", "crm:1", 5, city="Ulm", age=30, trial=1)
    site.patch("crm:1", 6, "trial", city="Bonn")
    site.patch("crm:1", 4, age=29)
    site.patch("crm:2", 3, tier="gold")
    await site.worker.drain()
    first, second = await site.reader.get("crm", "1"), await site.reader.get("crm", "2")
    assert first is not None
    assert second is not None
    assert (first.attributes, second.attributes) == ({"city": "Bonn", "age": 30}, {"tier": "gold"})
    assert len(site.rows("attributes")) == 2
    found = {one.name: one for one in site.source.current.by_number}
    positions = await site.positions()
    assert counted(found[PATCHES], positions)["accepted"] == 3
    assert counted(found[ATTRIBUTES], positions)["accepted"] == 1
    site.record("profile-attributes", "crm:1", 7, age=31)
    site.delete("crm:2", 4)
    site.patch("crm:2", 4, tier="late")
    await site.worker.drain()
    first = await site.reader.get("crm", "1")
    assert first is not None
    assert first.attributes == {"age": 31}
    assert await site.reader.get("crm", "2") is None
    assert [b'"patches"' in v for k, v in site.store.data.items() if k[:2] == b"a:"] == [False]


@pytest.mark.parametrize("seed", range(8))
async def test_rows_do_not_depend_on_how_topics_are_cut_and_interleaved(seed: int) -> None:
    """Records, patches and deletes of few people: a worker's rows are those of another rhythm."""
    rng, dumps = random.Random(seed), []
    what = rng.choices(["record", "patch", "delete"], [3, 8, 1], k=60)
    said = [(one, f"crm:{rng.randrange(4)}", rng.randint(1, 40)) for one in what]
    for most in (1, 3, 50):
        site, names = DatasetSite(), random.Random(seed)
        await site.start()
        for kind, who, at in said:
            name, other = names.sample("abcd", 2)
            if kind == "record":
                site.record("profile-attributes", who, at, **{name: at, other: 0})
            elif kind == "patch":
                site.patch(who, at, other, **{name: at})
            else:
                site.delete(who, at)
        await site.worker.drain(random.Random(seed + most), most)
        dumps.append({k: v for k, v in site.store.data.items() if k[:2] == b"a:"})
    assert dumps[0] == dumps[1] == dumps[2]
    assert any(b'"patches"' in row for row in dumps[0].values())


async def test_patches_of_a_declared_data_set_are_in_its_rows(site: DatasetSite) -> None:
    """By its fields, and merged by its precedence; it cannot go before them."""
    crm_patches = Declaration(Dataset("crm-patches"), "patches", "crm-patches", 0, of="crm")
    await site.declare(lambda found: found.created(crm_patches))
    await site.again()
    site.record("crm-records", "crm:1", 1, city="Ulm", tier="gold")
    row = {"timestamp": START + 2, "identityMap": {"crm": [{"id": "1"}]}, "remove": ["city"]}
    site.logs.append("crm-patches", Logged(b"crm:1", encode_patches([row])[0], START + 2))
    await site.worker.drain()
    profile = await site.reader.get("crm", "1")
    assert profile is not None
    assert profile.attributes == {"tier": "gold"}
    assert len(site.rows("crm")) == 1
    off = site.source.current.switched("crm", False, 0)
    with pytest.raises(DatasetError, match="crm-patches has patches of crm"):
        off.deleted("crm", 10_000)
    with pytest.raises(DatasetError, match="no record data set"):
        off.created(replace(crm_patches, name=Dataset("more"), topic="more", of="events"))
