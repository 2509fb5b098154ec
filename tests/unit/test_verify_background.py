"""A worker's own look at what it serves: which partitions, how fast, what it says of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from afflux.catalog import Catalog
from afflux.names import Identity
from afflux.oracle.watching import Told
from core_cases import CATALOG
from profile_store.errors import StoreUnavailable
from profile_store.evidence import Evidence
from streams.metrics import Metrics
from streams.ports import TP, LogRange
from streams.records import RecordBatch
from streams.verify.background import BackgroundCheck, Owner
from streams.verify.findings import Difference, FieldDifference, Report, differing

ANNA = Identity(b"crm:anna")
BAD = Difference(ANNA, 1, 5, 70, (FieldDifference("life", 1.0, 2.0),))


class IdlePlane:
    """A plane that owns what it is given."""

    topics = ("experience-events",)

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """From the start."""
        return dict.fromkeys(logs, 0)

    async def process(self, records: RecordBatch) -> None:
        """Nothing."""

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Nothing."""

    async def tick(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


async def _owning(*partitions: int) -> Owner:
    owner = Owner(IdlePlane())
    await owner.assigned({("experience-events", p): LogRange(bytes(16), 0, 0) for p in partitions})
    return owner


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def _value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


async def test_owned_partitions_are_checked_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One after the other with other seeds; the rate is of the last pass of what is owned now."""
    owner, metrics = await _owning(1, 2, 3), Metrics()
    await owner.revoked([3])
    asked: list[tuple[int, int]] = []

    def check(partition: int, seed: int, pause: Callable[[int], None]) -> Report:
        asked.append((partition, seed))
        pause(10)
        bad = [BAD] if (partition, seed) == (1, 0) else []
        return Report(checked=4, uncheckable=1, differences=bad)

    background = BackgroundCheck(owner, check, 1e6, metrics)
    with caplog.at_level(logging.ERROR):
        running = asyncio.create_task(background.run())
        await _until(lambda: len(asked) >= 4)
        background.end()
        await running
    assert asked[:4] == [(1, 0), (2, 0), (1, 1), (2, 1)]
    assert _value(metrics, "afflux_verify_mismatched_total") == 1
    checked = _value(metrics, "afflux_verify_checked_total")
    assert checked is not None
    assert checked >= 12
    assert _value(metrics, "afflux_verify_mismatch_rate") == 0
    (line,) = [r.getMessage() for r in caplog.records]
    assert "1 of 4 people of partition 1 are not what the log says (life)" in line
    assert "--partition 1 --seed 0" in line
    assert "anna" not in line


@pytest.mark.parametrize("trouble", ["slow", "away"])
async def test_it_ends_when_it_is_told_to(trouble: str) -> None:
    """In the middle of a log that is read slowly, and while it waits for a store that is away."""
    owner, reached = await _owning(0), asyncio.Event()
    loop = asyncio.get_running_loop()

    def check(partition: int, seed: int, pause: Callable[[int], None]) -> Report:
        loop.call_soon_threadsafe(reached.set)
        if trouble == "away":
            raise StoreUnavailable("Redis is away")
        while True:
            pause(1_000)

    background = BackgroundCheck(owner, check, 1.0, Metrics())
    running = asyncio.create_task(background.run())
    await reached.wait()
    background.end()
    async with asyncio.timeout(10):
        await running


def _deadlines(stored: int, told: int, *, ruled: bool) -> list[Any]:
    evidence, said = Evidence(ANNA, b"", b"", b"", stored), Told(b"", {}, b"", told)
    return list(differing(evidence, said, CATALOG, timed_by_rules=ruled))


def test_rules_of_audiences_may_only_make_deadlines_earlier() -> None:
    """Where there are rules, an earlier deadline or one more is theirs; a later one is wrong."""
    assert _deadlines(5, 5, ruled=False) == []
    assert _deadlines(4, 5, ruled=False) == [FieldDifference("deadline", 4, 5)]
    assert _deadlines(4, 5, ruled=True) == []
    assert _deadlines(4, 0, ruled=True) == []
    assert _deadlines(6, 5, ruled=True) == [FieldDifference("deadline", 6, 5)]
    assert _deadlines(0, 5, ruled=True) == [FieldDifference("deadline", None, 5)]


def test_rows_that_cannot_be_read_differ_as_a_whole() -> None:
    """A row that is cut short, and links that are no links, are named and do not stop a check."""
    catalog: Catalog = CATALOG
    evidence = Evidence(ANNA, b"short", b"\xff\xff\xff", b"", 0)
    fields = differing(evidence, Told(b"", {}, b"", 0), catalog, timed_by_rules=False)
    assert [f.field for f in fields] == ["fragment", "links"]
