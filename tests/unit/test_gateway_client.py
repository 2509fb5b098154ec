"""The HTTP client, both kinds, against the real application."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from gateway.client import AsyncClient, Client, Refused, ScoreEvent, Unavailable
from gateway.client.event_stream import EventStream
from gateway_rig import Rig, event
from project_files import ROOT

pytest_plugins = ["gateway_fixtures"]


class Bridge(httpx.BaseTransport):
    """Lets a blocking client talk to the application in the test's event loop."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._loop = httpx.ASGITransport(app), loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, its answer read to the end."""

        async def ask() -> httpx.Response:
            content = request.read()
            again = httpx.Request(
                request.method, request.url, headers=request.headers, content=content
            )
            response = await self._inner.handle_async_request(again)
            body = await response.aread()
            return httpx.Response(response.status_code, headers=response.headers, content=body)

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(20)


@pytest.fixture
async def client(gateway: Rig) -> AsyncIterator[AsyncClient]:
    """The one for event loops."""
    transport = httpx.ASGITransport(gateway.app)
    async with AsyncClient("http://gateway", "key", transport=transport) as made:
        yield made


@pytest.fixture
async def blocking(gateway: Rig) -> AsyncIterator[Callable[..., Any]]:
    """Runs a function with the blocking one, in a thread."""
    made = Client("http://gateway", transport=Bridge(gateway.app, asyncio.get_running_loop()))

    async def run(use: Callable[[Client], Any]) -> Any:
        return await asyncio.to_thread(use, made)

    yield run
    made.close()


def test_it_needs_nothing_of_ours() -> None:
    """Importing it brings neither Faust nor River nor anything that serves."""
    heavy = ("faust", "river", "numpy", "pydantic", "fastapi", "confluent_kafka", "afflux")
    code = f"import sys, gateway.client; sys.exit(str([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stderr.strip() == "[]"


async def test_profiles(client: AsyncClient, blocking: Callable[..., Any]) -> None:
    """One, none, some fields, many: the same from both."""
    one = await client.profile("crm", "1")
    assert one is not None
    assert one["attributes"]["tier"] == "gold"
    assert await blocking(lambda c: c.profile("crm", "1")) == one
    assert await client.profile("crm", "a/b?c") is None
    assert await blocking(lambda c: c.profile("crm", "a/b?c")) is None
    few = await client.profile("crm", "1", fields=["attributes.tier"], at=1)
    assert few is not None
    assert set(few) == {"profile_id", "identities", "as_of", "attributes"}
    people = [("crm", "1"), ("crm", "9")]
    many = await client.profiles(people, fields=["attributes"])
    assert [p and p["identities"][0] for p in many] == ["crm:1", None]
    assert await blocking(lambda c: c.profiles(people, fields=["attributes"])) == many


async def test_models(client: AsyncClient, blocking: Callable[..., Any]) -> None:
    """All of them."""
    assert [m["name"] for m in await client.models()] == ["churn", "lifetime_value"]
    assert await blocking(Client.models) == await client.models()


async def test_events(gateway: Rig, client: AsyncClient, blocking: Callable[..., Any]) -> None:
    """In, refused with all pointers, or not now."""
    assert await client.send([event("1"), event("2")]) == 2
    assert await blocking(lambda c: c.send([event("3")])) == 1
    with pytest.raises(Refused) as refused:
        await client.send([event(""), event("4", more=1)])
    assert [e["pointer"] for e in refused.value.errors] == ["/0/_id", "/1/more"]
    gateway.delivery.away = True
    with pytest.raises(Unavailable) as away:
        await blocking(lambda c: c.send([event("5")]))
    assert (away.value.status, away.value.retry_after) == (503, 1.0)


async def test_nobody_there_is_unavailable() -> None:
    """The same error as a 503, with status 0."""
    async with AsyncClient("http://127.0.0.1:9") as client:
        with pytest.raises(Unavailable) as caught:
            await client.models()
    assert caught.value.status == 0
    with Client("http://127.0.0.1:9") as other, pytest.raises(Unavailable):
        other.models()


def answers(*bodies: str) -> tuple[httpx.MockTransport, list[str | None]]:
    """A transport with these streams one after the other, then 409; what each was resumed from."""
    left, resumed = iter(bodies), []

    def answer(request: httpx.Request) -> httpx.Response:
        resumed.append(request.headers.get("last-event-id"))
        body = next(left, None)
        if body is None:
            return httpx.Response(409, json={"detail": "another log"})
        return httpx.Response(200, text=body)

    return httpx.MockTransport(answer), resumed


STREAMS = (
    'retry: 1\nid: L.0\n\nevent: score\nid: L.1\ndata: {"n": 1}\n\n:\n\nid: L.2\ndata: {"n"',
    'retry: 1\nid: L.1\n\nevent: score\nid: L.2\ndata: {"n": 2}\n\n',
)


async def test_a_stream_is_resumed_without_the_half_event() -> None:
    """After a lost connection from the last whole event; a 409 is the caller's business."""
    transport, resumed = answers(*STREAMS)
    found: list[ScoreEvent] = []

    async def read(client: AsyncClient) -> None:
        async for one in client.scores(models=["churn"]):
            found.append(one)

    async with AsyncClient("http://x", transport=transport) as client:
        with pytest.raises(Refused) as caught:
            await read(client)
    assert found == [ScoreEvent("L.1", {"n": 1}), ScoreEvent("L.2", {"n": 2})]
    assert resumed == [None, "L.1", "L.2"]
    assert caught.value.status == 409


def test_a_blocking_stream_is_resumed_too() -> None:
    """The same for threads."""
    transport, resumed = answers(*STREAMS)
    found: list[int] = []

    def read(events: Iterator[ScoreEvent]) -> None:
        for one in events:
            found.append(one.update["n"])

    with Client("http://x", transport=transport) as client, pytest.raises(Refused):
        read(client.scores(profile="crm:1", last_id="L.0"))
    assert found == [1, 2]
    assert resumed == ["L.0", "L.1", "L.2"]


def test_event_streams_by_the_line() -> None:
    """Comments and unknown fields are nothing, data of several lines is joined, ids stay."""
    stream = EventStream("a")
    lines = [":", "what: ever", "data: [1,", "data:2]", "id: b"]
    assert [stream.line(text) for text in lines] == [None] * 5
    assert stream.last_id == "a"
    assert stream.line("") == ScoreEvent("b", [1, 2])  # type: ignore[arg-type]
    assert stream.last_id == "b"
