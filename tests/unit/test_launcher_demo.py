"""Parts of the demo without servers: the feed, freshness, counters, the check, the words."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from launcher.data.replay import Item
from launcher.demo.feed import Feed
from launcher.demo.freshness import Probe, measure
from launcher.demo.model_quality import quality_of
from launcher.demo.paced import make_probes
from launcher.demo.progress import Lines, Moment, display
from launcher.demo.result import Counts, Quality, Result, check
from launcher.errors import LauncherError


class _Sink:
    """Keeps what it gets."""

    def __init__(self, fail_at: int = -1) -> None:
        self.got: list[tuple[str, bytes | None, int | None]] = []
        self.flushed = False
        self._fail_at = fail_at

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> None:
        if len(self.got) == self._fail_at:
            raise RuntimeError("the broker is gone")
        self.got.append((topic, key, partition))

    def flush(self, timeout: float | None = None) -> int:
        self.flushed = True
        return 0


def _run(feed: Feed) -> None:
    feed.start()
    feed._thread.join(10)


def test_the_feed_sends_all_in_order_to_the_right_topics() -> None:
    """Attributes and events to their topics, a wanted partition kept, flushed at the end."""
    sink = _Sink()
    items = [
        Item(1, b"a:1", b"x", attributes=True),
        Item(1, b"a:1", b"y"),
        Item(2, b"a:2", None, partition=3),
    ]
    feed = Feed(items, sink)
    _run(feed)
    assert feed.done
    assert sink.flushed
    assert sink.got == [
        ("profile-attributes", b"a:1", None),
        ("experience-events", b"a:1", None),
        ("experience-events", b"a:2", 3),
    ]


def test_the_feed_keeps_the_pace_of_event_time() -> None:
    """At speed 10, half a second of event time takes at least 50 ms."""
    moments: list[float] = []

    class Timed(_Sink):
        def produce(self, *args: object, **rest: object) -> None:
            import time

            moments.append(time.monotonic())

    feed = Feed([Item(at, b"a:1", b"x") for at in (1000, 1250, 1500)], Timed(), speed=10)
    _run(feed)
    assert feed.done
    assert moments[2] - moments[0] >= 0.049
    assert moments[1] - moments[0] >= 0.024


def test_a_failing_feed_tells_why() -> None:
    """`done` raises what the thread met."""
    feed = Feed([Item(0, b"a:1", b"x")] * 5, _Sink(fail_at=2))
    _run(feed)
    with pytest.raises(RuntimeError, match="the broker is gone"):
        _ = feed.done


def test_age_is_that_of_the_record_that_is_folded_next() -> None:
    """Nothing waits: 0; else the time since the waiting record was handed over."""
    now = [0.0]
    feed = Feed([Item(0, b"a:1", b"x")] * 400, _Sink(), clock=lambda: now[0])
    _run(feed)
    now[0] = 7.0
    assert feed.age(400) == 0.0
    assert feed.age(100) == 7.0


async def test_freshness_is_the_time_until_the_own_event_is_seen() -> None:
    """An older event of the person does not count; a person waits for their last event."""
    served: dict[bytes, str | None] = {}
    in_flight: set[bytes] = set()
    overlapping: list[bytes] = []

    async def send(key: bytes, value: bytes) -> object:
        if key in in_flight:
            overlapping.append(key)
        in_flight.add(key)
        await asyncio.sleep(0.02)
        in_flight.discard(key)
        served[key] = value.decode()
        return None

    async def read(keys: Sequence[bytes]) -> list[str | None]:
        return [served.get(key, "older") for key in keys]

    probes = [Probe(f"a:{n % 3}".encode(), f"e{n}", f"e{n}".encode()) for n in range(9)]
    found = await measure(probes, 1000, send, read)
    assert (len(found.seconds), found.missing) == (9, 0)
    assert min(found.seconds) >= 0.02
    assert not overlapping


async def test_a_sample_of_the_events_is_looked_at() -> None:
    """All are sent, every third is measured."""
    served: dict[bytes, str | None] = {}

    async def send(key: bytes, value: bytes) -> object:
        served[key] = value.decode()
        return None

    async def read(keys: Sequence[bytes]) -> list[str | None]:
        return [served.get(key) for key in keys]

    probes = [Probe(f"a:{n % 2}".encode(), f"e{n}", f"e{n}".encode()) for n in range(10)]
    found = await measure(probes, 1000, send, read, every=3)
    assert (len(found.seconds), found.missing) == (4, 0)
    assert served == {b"a:0": "e8", b"a:1": "e9"}


async def test_freshness_gives_up_and_counts_what_is_missing() -> None:
    """Scores that never come are counted, not waited for."""

    async def send(key: bytes, value: bytes) -> object:
        return None

    async def read(keys: Sequence[bytes]) -> list[str | None]:
        return [None for _ in keys]

    found = await measure([Probe(b"a:1", "e", b"")], 100, send, read, patience_s=0.05)
    assert (found.seconds, found.missing) == ([], 1)
    assert found.percentiles() == {"p50": None, "p95": None, "p99": None}


async def test_an_error_while_reading_is_not_swallowed() -> None:
    """A store that fails makes the measurement fail."""

    async def send(key: bytes, value: bytes) -> object:
        return None

    async def read(keys: Sequence[bytes]) -> list[str | None]:
        raise OSError("no Redis")

    with pytest.raises(OSError, match="no Redis"):
        await measure([Probe(b"a:1", "e", b"")], 100, send, read, patience_s=0.05)


def test_probes_are_valid_page_views() -> None:
    """They encode under the rules, at event times that go on."""
    probes = make_probes(["a:x:y", "b:2"], 1000, 4, 500)
    assert [p.identity for p in probes] == [b"a:x:y", b"b:2"] * 2
    assert len({p.event_id for p in probes}) == 4


def test_the_check_is_loud() -> None:
    """Missing, doubled and undocumented records are errors; an exact account is not."""
    counts = Counts(accepted=90, duplicates=5, rejected={"truncated": 5})
    check(100, counts, {"truncated": 5})
    with pytest.raises(LauncherError, match="101 records went in"):
        check(101, counts, {"truncated": 5})
    with pytest.raises(LauncherError, match="99 records went in"):
        check(99, counts, {"truncated": 5})
    with pytest.raises(LauncherError, match="dead-letter topics hold"):
        check(100, counts, {"truncated": 4})


def test_the_json_has_figures_that_a_reader_can_use() -> None:
    """Unknown figures are null, a probability has an AUC, an amount an error."""
    assert Quality(10, 5, auc=0.71239, ece=0.0312).to_json() == {
        "examples": 10, "auc": 0.7124, "ece": 0.0312, "window": 5, "trusted": False,
    }  # fmt: skip
    assert Quality(10, 5, "amount", mae=3.0, baseline=4.0).to_json()["base_mae"] == 4.0
    result = Result(
        "cdnow", True, "kafka", 3, 2, {"truncated": 1}, 0, 2, 1.23456, 2.43, 50.04, 99.99,
        {"p50": 1.0}, {}, {"truncated": 1},
    )  # fmt: skip
    assert result.to_json()["seconds"] == 1.23
    assert list(result.to_json())[:3] == ["data", "real", "broker"]


def test_figures_have_their_keys_before_they_are_known() -> None:
    """A model whose window is empty has the keys of its kind, without values."""
    update = {"examples": 9, "trusted": False, "metrics": {"window": 0.0}}
    churn = quality_of(update, "probability").to_json()
    assert {k: churn[k] for k in ("examples", "auc", "ece", "window")} == {
        "examples": 9, "auc": None, "ece": None, "window": 0,
    }  # fmt: skip
    assert "mae" not in churn
    amount = quality_of(update, "amount").to_json()
    assert amount.keys() >= {"examples", "mae", "ece", "window"}
    assert amount["mae"] is None
    assert "auc" not in amount


def test_lines_into_a_pipe_are_clean() -> None:
    """No terminal codes; a line every two seconds and one at the end."""
    into = io.StringIO()
    console = Console(file=into, width=40)
    shown = display(console, "replay", 100)
    assert isinstance(shown, Lines)
    with shown:
        for tenth in range(45):
            quality = {"churn": Quality(7, 7, auc=0.5)}
            shown.show(Moment(tenth / 10, 100, tenth, 100, 10.0, 0.5, quality))
    lines = into.getvalue().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("replay: ") and "churn AUC 0.50" in line for line in lines)
    assert "\x1b" not in into.getvalue()
