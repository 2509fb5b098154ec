"""Streams of score updates: in order, resumed without a gap, without what is old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from gateway.access import NO_KEYS, Caller
from gateway.client.event_stream import EventStream, ScoreEvent
from gateway.cursors import Cursor
from gateway.problems import Problem
from gateway.score_hub import LoggedUpdate, ScoreHub, Subscriber
from gateway.subscriptions import Choice
from gateway_rig import LOG, Rig, people, rig, score_update

pytest_plugins = ["gateway_fixtures"]

SHORT = 0.05


class Reader:
    """Reads a stream as a client does."""

    def __init__(
        self,
        made: Rig,
        choice: Choice | None = None,
        last: str | None = None,
        caller: Caller = NO_KEYS,
        from_start: bool = False,
    ) -> None:
        subscriptions = made.app.state.context.subscriptions
        cursor = Cursor.parse(last) if last else None
        self._stream: AsyncGenerator[bytes, None] = subscriptions.open(
            caller, choice or Choice(), cursor, from_start
        )
        self.parsed = EventStream()
        self.comments = 0

    async def next(self) -> ScoreEvent | None:
        """The next event; None at the end."""
        async for part in self._stream:
            self.comments += part.startswith(b":")
            for line in part.decode().split("\n")[:-1]:
                event = self.parsed.line(line)
                if event is not None:
                    return event
        return None

    async def begin(self) -> None:
        """Until it has said where it is."""
        part = await anext(self._stream)
        for line in part.decode().split("\n")[:-1]:
            self.parsed.line(line)

    async def some(self, count: int) -> list[dict[str, Any]]:
        """So many updates."""
        found = [await self.next() for _ in range(count)]
        return [event.update for event in found if event is not None]

    async def close(self) -> None:
        """Break off."""
        await self._stream.aclose()


def offsets(updates: list[dict[str, Any]]) -> list[int]:
    """Their positions."""
    return [update["positionOffset"] for update in updates]


async def test_updates_come_as_they_are_made(gateway: Rig) -> None:
    """Each with an id that names the place after it."""
    reader = Reader(gateway)
    await reader.begin()
    assert reader.parsed.last_id == f"{LOG}.0.0"
    gateway.log.add(0, positionOffset=1)
    gateway.log.add(1, positionOffset=2)
    first, second = await reader.next(), await reader.next()
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == (f"{LOG}.1.0", f"{LOG}.1.1")
    assert first.update == score_update(positionOffset=1)
    await reader.close()


async def test_a_stream_goes_on_where_it_was(gateway: Rig) -> None:
    """What came while nobody listened comes first, then what comes now; nothing twice."""
    for n in range(4):
        gateway.log.add(n % 2, positionOffset=n)
    reader = Reader(gateway, from_start=True)
    before = await reader.some(2)
    last = reader.parsed.last_id
    await reader.close()
    gateway.log.add(0, positionOffset=4)
    reader = Reader(gateway, last=last)
    gateway.log.add(1, positionOffset=5)
    after = await reader.some(4)
    assert sorted(offsets(before + after)) == [0, 1, 2, 3, 4, 5]
    await reader.close()


async def test_an_id_counts_before_the_first_update(gateway: Rig) -> None:
    """Whoever breaks off at once misses nothing afterwards."""
    reader = Reader(gateway)
    await reader.begin()
    last = reader.parsed.last_id
    await reader.close()
    gateway.log.add(0, positionOffset=7)
    assert offsets(await Reader(gateway, last=last).some(1)) == [7]


async def test_old_and_redelivered_updates_are_dropped(gateway: Rig) -> None:
    """As `afflux watch scores` does: by (position, version) of the owner's row."""
    reader = Reader(gateway)
    await reader.begin()
    for offset, version in ((5, 1), (5, 1), (4, 9), (5, 2), (6, 1)):
        gateway.log.add(0, positionOffset=offset, positionVersion=version)
    gateway.log.add(0, positionOffset=1, identity="crm:2", identities=["crm:2"])
    found = await reader.some(4)
    assert [(u["positionOffset"], u["positionVersion"]) for u in found] == [
        (5, 1), (5, 2), (6, 1), (1, 1),
    ]  # fmt: skip


async def test_only_what_was_chosen(gateway: Rig) -> None:
    """By any identity of the person, and by model."""
    reader = Reader(gateway, Choice("email:a@b", frozenset({"churn"})))
    await reader.begin()
    gateway.log.add(0, positionOffset=1)
    gateway.log.add(0, positionOffset=2, identities=["crm:1", "email:a@b"])
    (found,) = await reader.some(1)
    assert found["positionOffset"] == 2
    assert [score["model"] for score in found["scores"]] == ["churn"]


async def test_a_key_of_a_namespace_sees_only_that(gateway: Rig) -> None:
    """Updates of others are left out, and identities of other namespaces are not shown."""
    reader = Reader(gateway, caller=Caller("k", frozenset({"query"}), frozenset({"email"})))
    await reader.begin()
    gateway.log.add(0, positionOffset=1)
    gateway.log.add(0, positionOffset=2, identities=["crm:1", "email:a@b"])
    (found,) = await reader.some(1)
    assert (found["identity"], found["identities"]) == ("email:a@b", ["email:a@b"])


@pytest.mark.parametrize("last", ["ffffffff.0.0", f"{LOG}.0", f"{LOG}.0.0.0", f"{LOG}.0.1"])
async def test_a_place_of_another_log_is_409(gateway: Rig, last: str) -> None:
    """Another topic, other partitions, or offsets that were never reached."""
    with pytest.raises(Problem) as caught:
        Reader(gateway, last=last)
    assert caught.value.status == 409
    async with gateway.client() as client:
        got = await client.get("/v1/scores/stream", headers={"Last-Event-ID": last})
        assert got.status_code == 409
        got = await client.get("/v1/scores/stream", headers={"Last-Event-ID": "here"})
        assert got.status_code == 422


async def test_silence_has_a_heartbeat_and_every_stream_an_end(tmp_path: Path) -> None:
    """Comments keep the connection open; after its time the stream ends, and the client goes on."""
    made = rig(tmp_path, heartbeat_s=0.01, stream_s=SHORT)
    reader = Reader(made)
    assert await reader.next() is None
    assert reader.comments >= 2
    async with made.client() as client:
        got = await client.get("/v1/scores/stream")
    assert got.headers["content-type"].startswith("text/event-stream")
    assert got.text.startswith("retry: 1000\nid: ")


async def test_a_slow_subscriber_is_cut_off_and_misses_nothing(tmp_path: Path) -> None:
    """What was handed over still comes; then the stream ends, to be resumed."""
    made = rig(tmp_path, queue_updates=2)
    await people(made.shards)
    reader = Reader(made)
    await reader.begin()
    for n in range(5):
        made.log.add(0, positionOffset=n)
    found = await reader.some(3)
    assert offsets(found) == [0, 1]
    rest = await Reader(made, last=reader.parsed.last_id).some(3)
    assert offsets(rest) == [2, 3, 4]


async def test_a_lost_log_ends_streams_and_is_503_until_it_is_back(gateway: Rig) -> None:
    """Everybody comes back with the place where they were."""
    reader = Reader(gateway)
    await reader.begin()
    gateway.hub.lost()
    assert await reader.next() is None
    async with gateway.client() as client:
        assert (await client.get("/v1/scores/stream")).status_code == 503
        assert (await client.get("/health/ready")).json()["score_updates"] is False
    gateway.log.follow(gateway.hub)
    gateway.log.add(0, positionOffset=3)
    assert offsets(await Reader(gateway, last=reader.parsed.last_id).some(1)) == [3]


async def test_a_broker_that_goes_away_in_a_replay_ends_the_stream(gateway: Rig) -> None:
    """Without an error: the client tries again."""
    gateway.log.add(0, positionOffset=3)
    gateway.log.away = True
    assert await Reader(gateway, from_start=True).next() is None


async def test_streams_are_limited_and_ended_ones_do_not_count(tmp_path: Path) -> None:
    """Also those which nobody ever began to read."""
    made = rig(tmp_path, max_streams=2, stream_s=SHORT)
    one = Reader(made)
    two = Reader(made)
    await two.begin()
    with pytest.raises(Problem) as caught:
        Reader(made)
    assert caught.value.status == 503
    await two.close()
    del one
    for _ in range(4):
        reader = Reader(made)
        await reader.begin()
        await reader.close()


async def test_a_hub_that_is_closed_takes_nobody() -> None:
    """At the end of the process streams end, and no new one begins."""
    hub = ScoreHub(10, 10)
    hub.publish([], Cursor(LOG, (0,)))
    waiting = hub.subscribe()
    hub.close()
    assert waiting.ended
    with pytest.raises(Problem):
        hub.subscribe()


async def test_waiting_wakes_up_for_what_comes() -> None:
    """A reader that waits is woken by the first update, and takes all that there is."""
    subscriber = Subscriber(Cursor(LOG, (0,)), 10)
    waiting = asyncio.create_task(subscriber.take(30))
    await asyncio.sleep(0)
    updates = [LoggedUpdate(0, n, {}) for n in range(3)]
    subscriber.put(updates)
    assert await waiting == updates
    assert await subscriber.take(0) == []


def test_cursors_read_what_they_write() -> None:
    """And nothing else."""
    cursor = Cursor("00ff00ff", (0, 10**17))
    assert Cursor.parse(str(cursor)) == cursor
    for text in ("", "00ff00ff", "00ff00ff.", "00ff00ff.-1", "00FF00FF.1", f"a{cursor}"):
        assert Cursor.parse(text) is None
    with pytest.raises(AttributeError):
        cursor.log = "x"  # type: ignore[misc]


async def test_the_iterator_is_closed_with_its_reader(gateway: Rig) -> None:
    """Breaking off leaves no subscriber behind."""
    subscriptions = gateway.app.state.context.subscriptions
    async with aclosing(subscriptions.open(NO_KEYS, Choice(), None, False)) as stream:
        await anext(stream)
        assert len(gateway.hub._subscribers) == 1
    assert len(gateway.hub._subscribers) == 0


async def test_merged_and_split_profiles_are_noticed(gateway: Rig) -> None:
    """An update with more identities than the one before is a merge, with fewer a split."""
    reader = Reader(gateway)
    await reader.begin()
    people = (["crm:1"], ["crm:1", "web:2"], ["crm:1", "web:2"], ["crm:1"])
    for n, identities in enumerate(people):
        gateway.log.add(0, positionOffset=n, identities=identities)
    found = await reader.some(4)
    assert [update.get("change") for update in found] == [
        None, "profile-merged", None, "profile-split",
    ]  # fmt: skip
    await reader.close()


async def test_answers_that_are_kept_go_when_somebody_is_retracted(gateway: Rig) -> None:
    """A null value in the topic empties the cache of the gateway."""
    reading = gateway.app.state.context.profiles
    async with gateway.client() as client:
        await client.get("/v1/profiles/crm/1")
    assert len(reading._recent._answers) == 1
    gateway.hub.retracted()
    assert len(reading._recent._answers) == 0
