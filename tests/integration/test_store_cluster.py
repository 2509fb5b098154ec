"""A cluster of six nodes that fails over and moves slots while commits and reads go on."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from afflux.names import Identity
from afflux.volumes import Volume
from core_cases import CATALOG
from launcher.doctor.store import check_store
from profile_store.audience_store import START, AudienceStore, Place
from profile_store.contract import Commit
from profile_store.errors import StoreUnavailable
from profile_store.installation import Installation, ensure_installation
from profile_store.options import Durability, RedisOptions
from profile_store.redis_store import RedisShardStore
from store_cases import KEYS, NONCE, SHARDS, first, opened, person, position, request, rows, second
from store_cluster import Cluster, needs_cluster, six_nodes

pytestmark = [needs_cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """One cluster for tests that leave it complete, whoever leads then."""
    with six_nodes() as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """Complete and empty."""
    for client in shared.masters():
        client.flushall()
    return shared


@dataclass
class Writer:
    """Commits to every shard for as long as it is let, as a worker does after it has read back.

    Version v of a shard writes row v, adds one event to day 0, and makes v due at v.
    """

    store: RedisShardStore
    versions: list[int] = field(default_factory=lambda: [0] * SHARDS)
    safe: list[int] = field(default_factory=lambda: [0] * SHARDS)
    """Highest version of each shard whose commit was said to have landed."""
    away: int = 0
    rounds: int = 0
    ended: bool = False

    async def run(self) -> None:
        """Until told to end."""
        while not self.ended:
            try:
                await self._round()
                self.rounds += 1
            except StoreUnavailable:
                self.away += 1
                await self._read_back()

    async def _round(self) -> None:
        results = await self.store.commit([self._next(s) for s in range(SHARDS)])
        for result in results:
            assert result.landed, f"shard {result.shard}: somebody else wrote {result.found!r}"
            self.versions[result.shard] += 1
            self.safe[result.shard] = self.versions[result.shard]

    def _next(self, shard: int) -> Commit:
        v = self.versions[shard] + 1
        return Commit(
            shard, b"" if v == 1 else position(v - 1)[:24], position(v), b"box %d" % v,
            fragments=rows([v]), deadlines={person(v): v}, volumes=[Volume(0, 0, 1, 100)],
        )  # fmt: skip

    async def _read_back(self) -> None:
        while True:
            try:
                found = await self.store.positions(range(SHARDS))
            except StoreUnavailable:
                self.away += 1
                continue
            self.versions = [struct.unpack("<Q", p[:8])[0] if p else 0 for p in found]
            return


async def writing(writer: Writer, *events: Callable[[], object]) -> None:
    """Let things happen to the cluster while the writer writes, and some rounds after each."""
    task = asyncio.create_task(writer.run())
    try:
        for event in (lambda: None, *events):
            await asyncio.to_thread(event)
            target = writer.rounds + 20
            async with asyncio.timeout(30):
                while writer.rounds < target and not task.done():
                    await asyncio.sleep(0.01)
            if task.done():
                break
    finally:
        writer.ended = True
        await task


async def check(cluster: Cluster, writer: Writer) -> None:
    """Every shard holds just what its version says: no commit half, none twice."""
    async with opened(RedisOptions(cluster.nodes[-1].url, cluster=True)) as store:
        most = max(writer.versions)
        replies = await store.read(
            [request(s, range(1, most + 2), due_until=2**40) for s in range(SHARDS)]
        )
        boxes = await store.outboxes(range(SHARDS))
        for reply, box, version in zip(replies, boxes, writer.versions, strict=True):
            assert reply.position == position(version)
            assert reply.position[8:24] == NONCE
            assert box == b"box %d" % version
            there = [v for v, row in enumerate(reply.fragments, 1) if row is not None]
            assert there == list(range(1, version + 1))
            assert reply.due == [(person(v), v) for v in there][: len(reply.due)]
    counts = {key: client.hgetall(key) for client, key in cluster.dump() if key[:2] == b"c:"}
    for shard, version in enumerate(writer.versions):
        assert {int(n) for n in counts[KEYS.volumes(shard)].values()} >= {version}
        assert sum(map(int, counts[KEYS.volumes(shard)].values())) == version * 101


async def test_commits_while_replicas_take_over_by_hand(cluster: Cluster) -> None:
    """CLUSTER FAILOVER of every master: each commit that landed is there, each once."""
    async with opened(RedisOptions(cluster.url, cluster=True)) as store:
        writer = Writer(store)
        leaders = [cluster.owner(slot) for slot in (0, 8000, 16000)]
        await writing(writer, *(lambda n=n: cluster.fail_over(n) for n in leaders))
        assert all(v >= s for v, s in zip(writer.versions, writer.safe, strict=True))
        await check(cluster, writer)


@pytest.mark.parametrize("durable", [False, True], ids=["async", "wait"])
async def test_commits_while_a_master_is_killed(cluster: Cluster, durable: bool) -> None:
    """SIGKILL of a master: its shards are as some version left them; with WAIT, the last one."""
    durability = Durability(replicas=int(durable), timeout_ms=500)
    options = RedisOptions(cluster.url, cluster=True, timeout_s=2.0, durability=durability)
    async with opened(options) as store:
        writer = Writer(store)
        killed = cluster.owner(8000)

        def kill() -> None:
            cluster.kill(killed)
            if durable:  # nothing is safe where no replica is left
                cluster.revive(killed)

        await writing(writer, kill)
        if not durable:
            cluster.revive(killed)
        assert writer.away > 0
        if durable:
            assert all(v >= s for v, s in zip(writer.versions, writer.safe, strict=True))
        await check(cluster, writer)


async def test_commits_while_slots_move(cluster: Cluster) -> None:
    """Slots of shards go to another master and back while they are written to."""
    async with opened(RedisOptions(cluster.url, cluster=True)) as store:
        writer = Writer(store)
        slots = [KEYS.slot(s) for s in (0, 7, 15)]
        homes = [cluster.owner(slot) for slot in slots]
        aways = [next(h for h in homes if h != home) for home in homes]
        moves = [*zip(slots, aways, strict=True), *zip(slots, homes, strict=True)]
        await writing(writer, *(lambda m=m: cluster.move(*m) for m in moves))
        assert all(v >= s for v, s in zip(writer.versions, writer.safe, strict=True))
        await check(cluster, writer)


async def test_reads_while_a_slot_is_at_two_nodes(cluster: Cluster) -> None:
    """Half of a shard's keys are there, half here: reads find all, a commit says why it cannot."""
    shard, slot = 5, KEYS.slot(5)
    async with opened(RedisOptions(cluster.url, cluster=True)) as store:
        await store.commit([first(shard, fragments=rows(range(20)), outbox=b"box")])
        await asyncio.gather(*(store.positions(range(SHARDS)) for _ in range(20)))  # connections
        target = next(
            n for n in (cluster.owner(0), cluster.owner(16000)) if n != cluster.owner(slot)
        )
        source = cluster.begin_move(slot, target)
        for _ in range(4):
            asked = [request(shard, range(30)) for _ in range(5)]
            for (reply,) in await asyncio.gather(*(store.read([one]) for one in asked)):
                assert reply.position == position(1)
                assert reply.fragments == [*(row for _, _, row in rows(range(20))), *[None] * 10]
            assert await store.outboxes([shard]) == [b"box"]
            cluster.move_keys(slot, source, target, 6)
        with pytest.raises(StoreUnavailable, match="moving the slot"):
            await store.commit([second(shard, fragments=rows([25]))])
        cluster.end_move(slot, source, target)
        assert (await store.commit([second(shard, fragments=rows([25]))]))[0].landed


async def test_everybody_is_found_while_slots_move_and_masters_change(cluster: Cluster) -> None:
    """Going through all people misses nobody, wherever their keys go meanwhile."""
    async with opened(RedisOptions(cluster.url, cluster=True)) as store:
        people = 2_000
        shards = [2, 9]
        await store.commit([first(s, fragments=rows(range(people))) for s in range(SHARDS)])
        shelf = AudienceStore(store.link, KEYS)
        found: set[tuple[int, Identity]] = set()
        place: Place | None = START
        events = _disturbances(cluster, KEYS.slot(2))
        while place is not None:
            place, some = await shelf.people(shards, place)
            found.update(some)
            if found:
                await asyncio.to_thread(next(events, lambda: None))
        assert found == {(s, person(n)) for s in shards for n in range(people)}
        assert next(events, None) is None, "everything happened within one pass"


def _disturbances(cluster: Cluster, slot: int) -> Iterator[Callable[[], object]]:
    home = cluster.owner(slot)
    away = next(n for n in (cluster.owner(0), cluster.owner(16000)) if n != home)
    yield lambda: cluster.begin_move(slot, away)
    yield lambda: cluster.move_keys(slot, home, away, 700)
    yield lambda: cluster.end_move(slot, home, away)
    yield lambda: cluster.move(slot, home)
    yield lambda: cluster.fail_over(home)


async def test_a_process_starts_while_the_first_node_is_away(cluster: Cluster) -> None:
    """Any of the nodes of the URL is enough; a running process needs none of them."""
    gone = cluster.owner(0)
    ports = [cluster.nodes[gone].port, cluster.nodes[cluster.owner(16000)].port]
    url = "redis://" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with opened(RedisOptions(cluster.nodes[gone].url, cluster=True)) as running:
        await running.commit([first(s) for s in range(SHARDS)])
        cluster.kill(gone)
        async with opened(RedisOptions(url, cluster=True)) as starting:
            await starting.positions(range(SHARDS))
        with pytest.raises(StoreUnavailable):
            await running.positions(range(SHARDS))
        assert len(await running.positions(range(SHARDS))) == SHARDS
    cluster.revive(gone)


async def test_doctor_looks_at_the_cluster(cluster: Cluster) -> None:
    """Masters and replicas with their shards; a commit that waits for too many replicas is bad."""
    options = RedisOptions(cluster.url, cluster=True)
    async with opened(options) as store:
        await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    found = await check_store(options, 1, {})
    assert [f.state for f in found] == ["good", "good", "note"]
    assert "3 masters, 3 replicas" in found[1].message
    waiting = replace(options, durability=Durability(replicas=2))
    found = await check_store(waiting, 1, {})
    assert [(f.what, f.state) for f in found[2:]] == [("cluster", "bad")]
    found = await check_store(RedisOptions(cluster.url), 1, {})
    assert "say so in the settings" in found[0].message
