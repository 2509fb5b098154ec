"""Who may write where: logins, TLS, eviction, full memory, replicas, other servers."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.options import RedisOptions
from store_cases import first, opened, position, request, rows, second
from store_redis import RedisProcess, free_port, in_sync, redis_has_tls, settled

without_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="no openssl to make certificates"
)
without_tls = pytest.mark.skipif(not redis_has_tls(), reason="this redis-server has no TLS")


pytest_plugins = ["store_fixtures"]


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
            await in_sync(replica)
            with pytest.raises(StoreUnavailable, match="read-only replica"):
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


@without_openssl
@without_tls
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


@without_openssl
@without_tls
async def test_tls_to_a_cluster(tmp_path: Path) -> None:
    """Every node of a cluster is spoken to over TLS, at the TLS port that it announces."""
    certificates(tmp_path)
    port = free_port(below=55000)
    options = [
        "--tls-port", str(port), "--tls-cert-file", f"{tmp_path}/server.crt",
        "--tls-key-file", f"{tmp_path}/server.key", "--tls-ca-cert-file", f"{tmp_path}/ca.crt",
        "--tls-auth-clients", "no", "--cluster-enabled", "yes", "--tls-cluster", "yes",
    ]  # fmt: skip
    with RedisProcess(*options, port=free_port(below=55000)) as process:
        with redis.Redis(port=process.port) as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
            for _ in range(1000):
                if settled(client.execute_command("CLUSTER", "INFO"), 1):
                    break
                await asyncio.sleep(0.01)
        url = f"rediss://127.0.0.1:{port}"
        async with opened(RedisOptions(url, ssl_ca=f"{tmp_path}/ca.crt", cluster=True)) as store:
            assert (await store.commit([first(fragments=rows(range(10)))]))[0].landed
        async with opened(RedisOptions(url, cluster=True)) as store:
            with pytest.raises(StoreUnavailable, match="certificate"):
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
