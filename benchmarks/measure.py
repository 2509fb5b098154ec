"""The two measurements: how much a full log costs, and how fresh scores are at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from confluent_kafka import Producer

from benchmarks.systems import System
from benchmarks.usage import PeakMemory, usage
from benchmarks.xdm_events import DAY_MS, DAYS, START_MS, Event, events, single
from launcher.processes import ChildProcess
from launcher.stack import Stack
from streams.topics import EXPERIENCE_EVENTS

TOPIC = EXPERIENCE_EVENTS.name
WARM_SHARE = 0.1
PATIENCE_S = 300.0
WARM_S = 15.0
"""At the steady rate before anything counts, or as long as it counts: a young broker compiles."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of a log that was there before the worker started; the first tenth is left out."""

    events: int
    events_per_s: float
    cpu_us: float
    """CPU of the system under test per event, user and system, until it idles again."""
    redis_cpu_us: float
    broker_cpu_us: float
    rss_mb: float
    """Largest resident memory of the system under test."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Milliseconds from handing an event to the producer to reading its score in Redis."""

    rate: float
    events: int
    lost: int
    """Scores that could not be read within 10 s."""
    p50: float
    p95: float
    p99: float
    max: float


def throughput(system: System, stack: Stack, log: Sequence[Event], folder: Path) -> Throughput:
    """Measure one worker on the log."""
    system.prepare()
    produce(stack, log)
    with _worker(system, folder) as worker, PeakMemory(worker.pid) as peak:
        pids = (worker.pid, stack.redis.pid, stack.broker.pid)
        _until(lambda: system.done() >= WARM_SHARE * len(log), worker)
        first, at, before = system.done(), time.monotonic(), [usage(pid).cpu_s for pid in pids]
        _until(lambda: system.done() >= len(log), worker)
        seconds, count = time.monotonic() - at, len(log) - first
        _until_idle(worker)
        cpu = [usage(pid).cpu_s - b for pid, b in zip(pids, before, strict=True)]
    own, redis, broker = (1e6 * c / count for c in cpu)
    return Throughput(len(log), count / seconds, own, redis, broker, peak.bytes / 2**20)


def freshness(system: System, stack: Stack, rate: float, seconds: float, folder: Path) -> Freshness:
    """Measure every fifth event at a steady rate, after some seconds at that rate."""
    system.prepare()
    warm = events(2000, 2000, "uniform", seed=2)
    produce(stack, warm)
    with _worker(system, folder) as worker:
        _until(lambda: system.done() >= len(warm), worker)
        _until_idle(worker)
        taken, lost = _paced(
            system, stack, rate, int(rate * min(WARM_S, seconds)), int(rate * seconds)
        )
    p50, p95, p99, largest = np.percentile(taken, [50, 95, 99, 100]).tolist()
    return Freshness(rate, len(taken), lost, p50, p95, p99, largest)


def produce(stack: Stack, log: Sequence[Event]) -> None:
    """Put the log into the topic and wait until all of it is there."""
    producer = _producer(stack, linger_ms=20)
    for event in log:
        while True:
            try:
                producer.produce(TOPIC, event.value, event.key)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("the broker did not take the whole log within 120 s")


def _paced(
    system: System, stack: Stack, rate: float, warm: int, measured: int
) -> tuple[list[float], int]:
    """Milliseconds of each event that was looked for, and how many were never found."""
    rng = np.random.default_rng(3)
    at = START_MS + DAYS * DAY_MS
    count = warm + measured
    log = [single(f"paced-{i}", f"f{i % 1500}", at + i, rng) for i in range(count)]
    producer = _producer(stack, linger_ms=0)
    waiting: dict[int, float] = {}
    taken: list[float] = []
    sent, start = 0, time.monotonic() + 0.2
    while sent < count or waiting:
        now = time.monotonic()
        while sent < count and now >= start + sent / rate:
            producer.produce(TOPIC, log[sent].value, log[sent].key)
            if sent >= warm and sent % 5 == 0:
                waiting[sent] = time.monotonic()
            sent += 1
        producer.poll(0)
        ready = system.readable([log[i] for i in waiting]) if waiting else []
        seen = time.monotonic()
        for i, here in zip(list(waiting), ready, strict=True):
            if here:
                taken.append(1000 * (seen - waiting.pop(i)))
        if sent == count and now > start + count / rate + 10:
            break
        time.sleep(0.001)
    producer.flush(10)
    return taken, len(waiting)


def _producer(stack: Stack, linger_ms: int) -> Producer:
    return Producer(
        {
            "bootstrap.servers": stack.running.bootstrap,
            "partitioner": "murmur2_random",
            "acks": "all",
            "linger.ms": linger_ms,
        }
    )


@contextmanager
def _worker(system: System, folder: Path) -> Iterator[ChildProcess]:
    worker = system.start(folder / "worker.log")
    try:
        yield worker
    finally:
        worker.stop(grace=15)


def _until(ready: Callable[[], bool], worker: ChildProcess) -> None:
    end = time.monotonic() + PATIENCE_S
    while not ready():
        if worker.returncode() is not None:
            raise RuntimeError(f"the worker ended: {worker.last_words(20)}")
        if time.monotonic() > end:
            raise RuntimeError(f"no end after {PATIENCE_S:.0f} s: {worker.last_words(20)}")
        time.sleep(0.02)


def _until_idle(worker: ChildProcess) -> None:
    """What it still learns after the last event belongs to its cost."""
    end = time.monotonic() + 60
    last = usage(worker.pid).cpu_s
    while time.monotonic() < end:
        time.sleep(0.5)
        now = usage(worker.pid).cpu_s
        if now - last < 0.05:
            return
        last = now
