"""The Redis store when the server is away, slow, guarded, misconfigured or forgetful."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from profile_store.contract import Commit
from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.keys import Keys
from profile_store.options import Durability, RedisOptions
from profile_store.redis_store import SNAPSHOTS_KEPT, RedisShardStore
from profile_store.wire import Wire
from store_cases import SHARDS, fence, first, person, position, request, rows, second
from store_redis import RedisProcess, free_port, redis_cluster


@contextlib.asynccontextmanager
async def opened(where: RedisOptions | str) -> AsyncIterator[RedisShardStore]:
    """A store that is closed at the end."""
    store = RedisShardStore(where, SHARDS)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    """One server for the tests that leave it as it is."""
    with RedisProcess() as process:
        yield process


@pytest.fixture
def client(server: RedisProcess) -> Iterator[redis.Redis]:
    """A raw client of the emptied server."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


async def test_a_server_that_comes_later() -> None:
    """While nothing listens the error says where; the same store works once the server is there."""
    process = RedisProcess()
    async with opened(process.url) as store:
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{process.port} cannot be reached"):
            await store.positions([0])
        with process:
            assert (await store.commit([first()]))[0].landed


async def test_a_server_that_restarts() -> None:
    """A lost connection is an error of the calls under way, and the next call connects again."""
    with RedisProcess() as process:
        async with opened(process.url) as store:
            await store.commit([first()])
            process.stop()
            with pytest.raises(StoreUnavailable):
                await store.positions([0])
            process.start()
            assert await store.positions([0]) == [b""]
            assert (await store.commit([first()]))[0].landed


async def test_a_server_that_does_not_answer() -> None:
    """A frozen server counts as away after the time limit, and its late replies fool nobody."""
    with RedisProcess() as process:
        async with opened(RedisOptions(process.url, timeout_s=0.2)) as store:
            await store.commit([first(outbox=b"out")])
            process.freeze()
            with pytest.raises(StoreUnavailable, match=r"within 0\.2 s"):
                await store.positions([0])
            process.thaw()
            assert await store.outboxes([0]) == [b"out"]


async def test_a_lost_reply_is_not_sent_again() -> None:
    """A commit whose reply never came may have landed: the caller finds out by the position."""
    with RedisProcess() as process:
        async with opened(RedisOptions(process.url, timeout_s=0.2)) as store:
            await store.positions([0])
            process.freeze()
            with pytest.raises(StoreUnavailable):
                await store.commit([first(fragments=rows([1]))])
            process.thaw()
            # The bytes lay in the socket when the connection was dropped, so the server ran them.
            async with opened(process.url) as other:
                for _ in range(100):
                    (found,) = await other.positions([0])
                    if found:
                        break
                assert found == position(1)
            (result,) = await store.commit([first(fragments=rows([1]))])
            assert (result.landed, result.found) == (False, position(1))


async def test_callers_share_a_connection(server: RedisProcess, client: redis.Redis) -> None:
    """Many calls at once get their own replies, also beside one that is cancelled."""
    async with opened(server.url) as store:
        await store.commit([first(s, fragments=rows([s])) for s in range(SHARDS)])
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(store.read([request(n % 16, [n % 16])])) for n in range(200)]
            doomed = asyncio.create_task(store.read([request(0, [0])] * 50))
            await asyncio.sleep(0)
            doomed.cancel()
        for n, task in enumerate(reads):
            assert list(task.result()[0].fragments) == [b"%08d" % (n % 16)]
        with pytest.raises(asyncio.CancelledError):
            await doomed
        assert client.info("clients")["connected_clients"] == 2


async def test_a_forgotten_script_is_sent_again(server: RedisProcess, client: redis.Redis) -> None:
    """After SCRIPT FLUSH a commit and a snapshot land at the first try."""
    async with opened(server.url) as store:
        await store.commit([first()])
        client.script_flush()
        results = await store.commit([second(), first(1)])
        assert [r.landed for r in results] == [True, True]
        client.script_flush()
        await store.put_snapshot("churn", "00ff", b"data")
        assert await store.current_snapshots(["churn"]) == ["00ff"]


async def test_old_snapshots_go(server: RedisProcess, client: redis.Redis) -> None:
    """Only so many snapshots of a model stay; other models are not touched."""
    async with opened(server.url) as store:
        await store.put_snapshot("other", "0", b"kept")
        for n in range(SNAPSHOTS_KEPT + 5):
            await store.put_snapshot("churn", f"{n:x}", b"%d" % n)
        assert await store.snapshot("churn", "4") is None
        assert await store.snapshot("churn", "5") == b"5"
        assert await store.snapshot("other", "0") == b"kept"
        assert client.dbsize() == SNAPSHOTS_KEPT + 2 + 3


async def test_eviction_is_refused(client: redis.Redis, server: RedisProcess) -> None:
    """A server that may evict keys is refused before anything is written, and then accepted."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        async with opened(server.url) as store:
            with pytest.raises(StoreMisconfigured, match="maxmemory-policy allkeys-lru"):
                await store.commit([first()])
            assert client.dbsize() == 0
            client.config_set("maxmemory-policy", "noeviction")
            assert (await store.commit([first()]))[0].landed
    finally:
        client.config_set("maxmemory-policy", "noeviction")


async def test_full_memory_writes_nothing() -> None:
    """At maxmemory a commit is refused whole: no row, no position."""
    with RedisProcess() as process, redis.Redis(port=process.port) as client:
        async with opened(process.url) as store:
            await store.commit([first(fragments=rows(range(100), 500))])
            client.config_set("maxmemory", "1mb")
            with pytest.raises(StoreUnavailable, match="out of memory"):
                await store.commit([second(fragments=rows(range(200), 700))])
            assert await store.positions([0]) == [position(1)]
            assert client.dbsize() == 101
            client.config_set("maxmemory", "0")
            assert (await store.commit([second()]))[0].landed


async def test_a_replica_is_not_written(client: redis.Redis, server: RedisProcess) -> None:
    """A read-only replica is out of service for commits, and says why."""
    with RedisProcess("--replicaof", "127.0.0.1", str(server.port)) as replica:
        async with opened(replica.url) as store:
            await _in_sync(replica)
            with pytest.raises(StoreUnavailable, match="read-only replica"):
                await store.commit([first()])


async def test_commits_wait_for_replicas(client: redis.Redis, server: RedisProcess) -> None:
    """With WAIT a commit counts only once the replica has it; a re-read position waits as well."""
    durability = Durability(replicas=1, timeout_ms=200)
    async with opened(RedisOptions(server.url, durability=durability)) as store:
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.commit([first(fragments=rows([1]))])
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.positions([0])
        with RedisProcess("--replicaof", "127.0.0.1", str(server.port)) as replica:
            await _in_sync(replica)
            assert await store.positions([0]) == [position(1)]
            assert (await store.commit([second()]))[0].landed
            with redis.Redis(port=replica.port) as raw:
                assert raw.get(Keys(SHARDS).position(0)) == position(2)


async def _in_sync(replica: RedisProcess) -> None:
    with redis.Redis(port=replica.port) as raw:
        for _ in range(1000):
            if raw.info("replication")["master_link_status"] == "up":
                return
            await asyncio.sleep(0.01)
    raise AssertionError("the replica does not follow")


async def test_waitaof_needs_a_newer_server(client: redis.Redis, server: RedisProcess) -> None:
    """WAITAOF on a server that has none is an error that says so; with one it is a commit."""
    async with opened(RedisOptions(server.url, durability=Durability(fsync=True))) as store:
        version = tuple(int(part) for part in client.info("server")["redis_version"].split("."))
        if version < (7, 2):
            with pytest.raises(StoreMisconfigured, match="too old"):
                await store.commit([first()])
            return
        with pytest.raises(StoreMisconfigured, match="append-only"):
            await store.commit([first()])


async def test_users_and_passwords() -> None:
    """ACL users log in from the URL or the options; wrong ones are refused without the password."""
    with RedisProcess("--requirepass", "letmein") as process:
        with redis.Redis(port=process.port, password="letmein") as client:
            client.acl_setuser("worker", enabled=True, passwords=["+s3cret"], keys="*",
                               commands=["+@all"])  # fmt: skip
        good = [
            RedisOptions(process.url.replace("//", "//:letmein@")),
            RedisOptions(process.url, password="letmein"),
            RedisOptions(process.url, username="worker", password="s3cret"),
        ]
        for options in good:
            async with opened(options) as store:
                await store.positions([0])
        bad = [
            RedisOptions(process.url.replace("//", "//:wr0ng@")),
            RedisOptions(process.url, username="worker", password="wr0ng"),
            RedisOptions(process.url),
        ]
        for options in bad:
            async with opened(options) as store:
                with pytest.raises(StoreMisconfigured) as caught:
                    await store.positions([0])
                assert "wr0ng" not in str(caught.value)
                assert "password" in str(caught.value)


async def test_a_user_without_rights() -> None:
    """A user who may not write is told what is missing."""
    with RedisProcess() as process:
        with redis.Redis(port=process.port) as client:
            client.acl_setuser("reader", enabled=True, nopass=True, keys="*",
                               commands=["+@read", "+info", "+script", "+select"])  # fmt: skip
        async with opened(RedisOptions(process.url, username="reader", password="x")) as store:
            assert await store.positions([0]) == [b""]
            with pytest.raises(StoreMisconfigured, match="permit"):
                await store.commit([first()])


async def test_databases_are_apart(client: redis.Redis, server: RedisProcess) -> None:
    """The database of the URL is the one that is used."""
    async with opened(server.url[:-1] + "3") as third, opened(server.url) as zeroth:
        await third.commit([first()])
        assert await zeroth.positions([0]) == [b""]
        assert await third.positions([0]) == [position(1)]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates")
async def test_tls(tmp_path: Path) -> None:
    """rediss:// with our own CA works, with client certificates; an unknown CA is refused."""
    certificates(tmp_path)
    port = free_port()
    files = [
        "--tls-port", str(port), "--tls-cert-file", f"{tmp_path}/server.crt",
        "--tls-key-file", f"{tmp_path}/server.key", "--tls-ca-cert-file", f"{tmp_path}/ca.crt",
    ]  # fmt: skip
    with RedisProcess(*files):
        url = f"rediss://127.0.0.1:{port}/0"
        trusted = RedisOptions(
            url, ssl_ca=f"{tmp_path}/ca.crt", ssl_certificate=f"{tmp_path}/server.crt",
            ssl_key=f"{tmp_path}/server.key",
        )  # fmt: skip
        async with opened(trusted) as store:
            large = first(fragments=rows(range(500), 700))
            assert (await store.commit([large]))[0].landed
            (reply,) = await store.read([request(numbers=range(500))])
            assert None not in reply.fragments
        async with opened(RedisOptions(url)) as store:
            with pytest.raises(StoreUnavailable, match="certificate"):
                await store.positions([0])
        async with opened(RedisOptions(url, ssl_ca=f"{tmp_path}/missing.crt")) as store:
            with pytest.raises(StoreMisconfigured, match="TLS files"):
                await store.positions([0])


def certificates(folder: Path) -> None:
    """A CA and a certificate for 127.0.0.1 that it signed."""
    run = [
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=ca "
        "-addext keyUsage=critical,keyCertSign,cRLSign",
        "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server "
        "-addext subjectAltName=IP:127.0.0.1",
        "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 "
        "-copy_extensions copy -out server.crt",
    ]
    for command in run:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


async def test_what_is_not_redis() -> None:
    """Something else behind the port is out of reach, not a crash."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with opened(f"redis://127.0.0.1:{port}") as store:
            with pytest.raises(StoreUnavailable, match="protocol"):
                await store.positions([0])


async def test_a_wire_that_was_closed_stays_closed() -> None:
    """Commands on a closed connection fail at once."""
    wire = Wire("nowhere")
    wire.abort("over")
    with pytest.raises(StoreUnavailable, match="not connected"):
        await wire.send([("PING",)])


async def test_a_cluster_that_moves_a_slot() -> None:
    """A commit that meets a moved slot fails, writes nothing, and finds the new node next time."""
    with redis_cluster() as nodes:
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            slot, source, target = Keys(SHARDS).slot(1), nodes[0], nodes[2]
            _move_slot(slot, source, target)
            with pytest.raises(StoreUnavailable, match="given the slot to another node"):
                await store.commit([second(1, fragments=rows([5]))])
            assert await store.positions([1]) == [position(1)]
            assert (await store.commit([second(1, fragments=rows([5]))]))[0].landed


def _move_slot(slot: int, source: RedisProcess, target: RedisProcess) -> None:
    with redis.Redis(port=source.port) as a, redis.Redis(port=target.port) as b:
        names = [bytes(c.execute_command("CLUSTER", "MYID")).decode() for c in (a, b)]
        b.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        a.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        for key in a.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            a.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
        for c in (b, a):
            c.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])


async def test_a_cluster_that_loses_a_node() -> None:
    """Shards of the other masters can be read; those of the lost one are out of reach."""
    with redis_cluster() as nodes:
        for node in nodes:
            with redis.Redis(port=node.port) as client:
                client.config_set("cluster-require-full-coverage", "no")
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            nodes[1].stop()
            with pytest.raises(StoreUnavailable):
                await store.positions(range(SHARDS))
            assert await store.positions([0, SHARDS - 1]) == [position(1)] * 2


async def test_cluster_settings_that_do_not_fit(server: RedisProcess) -> None:
    """One server taken for a cluster, and a cluster taken for one server, are told apart."""
    async with opened(RedisOptions(server.url, cluster=True)) as store:
        with pytest.raises(StoreMisconfigured, match="not a node of a cluster"):
            await store.positions([0])
    with redis_cluster() as nodes:
        async with opened(nodes[0].url) as store:
            with pytest.raises(StoreMisconfigured, match="node of a cluster"):
                await store.positions(range(SHARDS))


async def test_the_fence_of_another_writer(server: RedisProcess, client: redis.Redis) -> None:
    """A zombie with an old fence finds the position of the new owner."""
    async with opened(server.url) as zombie, opened(server.url) as owner:
        await zombie.commit([first()])
        await owner.commit([Commit(0, fence(1), position(2, b"x" * 16), b"", rows([1]))])
        (result,) = await zombie.commit([second(served=[(person(1), b"stale")])])
        assert (result.landed, result.found) == (False, position(2, b"x" * 16))
