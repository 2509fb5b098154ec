"""The clients and the OpenAPI page: every operation has a method, every answer its shape."""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from gateway import documents, insight_documents
from gateway.client import AsyncClient, Client, Refused, shapes
from gateway_rig import SECRET, Rig, event, people, rig
from streams.privacy.receipts import Place, Receipt

RECEIPT = Receipt(1, (Place(0, 7, 1),)).encode(SECRET)
RULE = "has(events.purchases.last)"
CALLS: dict[str, tuple[Any, ...]] = {
    "profile": ("crm", "1"),
    "profiles": ([("crm", "1")],),
    "affinities": ("crm", "1"),
    "recommendations": ("crm", "1"),
    "similar": ("crm", "1"),
    "timeline": ("crm", "1"),
    "models": (),
    "model": ("churn",),
    "clusters": (),
    "forecasts": (),
    "audiences": (),
    "save_audience": ("lookers", "has(events.views.last)"),
    "audience": ("buyers",),
    "preview": (RULE,),
    "members_page": ("buyers",),
    "members": ("buyers",),
    "overlap": ("buyers", "buyers"),
    "delete_audience": ("buyers",),
    "send": ([event()],),
    "scores": (),
    "export": ("crm", "1"),
    "delete": ("crm", "1"),
    "receipt": (RECEIPT,),
    "consent": ("crm", "1"),
    "identities": ("crm", "1"),
    "link": (("crm", "1"), ("crm", "2")),
    "unlink": (("crm", "1"), ("crm", "2")),
    "keys": (),
    "health": (),
}
"""Method -> arguments with which it is called here, in this order."""

NAMED: dict[str, dict[str, Any]] = {"consent": {"scoring": True}}
WITHOUT = {("GET", "/health/live")}
"""For load balancers, which have no Python."""


class Spy(httpx.AsyncBaseTransport):
    """The application, and what it was asked."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)
        self.asked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Note it and pass it on."""
        self.asked.append((request.method, request.url.path))
        return await self._inner.handle_async_request(request)


@pytest.fixture
async def made(tmp_path: Path) -> Rig:
    """A gateway with people and an audience; streams end at once."""
    here = rig(tmp_path, stream_s=0.01)
    await people(here.shards)
    await here.save("buyers", RULE)
    return here


def public(kind: type) -> dict[str, inspect.Signature]:
    """Methods that people call, but for the one that ends it."""
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name != "close"
    }


def test_both_clients_have_the_same_methods() -> None:
    """The same names with the same arguments and answers, but for what is awaited."""
    ours, theirs = public(Client), public(AsyncClient)
    assert ours.keys() == theirs.keys() == CALLS.keys()
    for name, one in ours.items():
        assert one.parameters == theirs[name].parameters, name
        answer = str(theirs[name].return_annotation).removeprefix("Async")
        assert str(one.return_annotation) == answer, name


async def test_every_operation_has_a_method(made: Rig) -> None:
    """All calls together reach all operations of the page, and each of them is answered."""
    spy = Spy(made.app)
    reached = set()
    page = made.app.openapi()["paths"]
    operations = {(m.upper(), path) for path, item in page.items() for m in item}
    async with AsyncClient("http://gateway", transport=spy) as client:
        for name, arguments in CALLS.items():
            called = getattr(client, name)(*arguments, **NAMED.get(name, {}))
            if name == "scores":
                await _begin(called, spy)
            elif isinstance(called, AsyncIterator):
                assert [one async for one in called] == []
            else:
                assert await called is not None, name
            reached |= {_operation(operations, *asked) for asked in spy.asked}
    assert reached == operations - WITHOUT


def test_both_send_the_same(made: Rig) -> None:
    """Requests of the blocking client are those of the other, byte by byte."""
    sent: dict[str, list[tuple[Any, ...]]] = {"blocking": [], "async": []}

    def record(kind: str) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            key = request.method, str(request.url), request.read(), request.headers.raw
            sent[kind].append(tuple(map(repr, key)))
            return httpx.Response(404, json={"detail": "nothing"})

        return httpx.MockTransport(answer)

    async def ask_all() -> None:
        async with AsyncClient("http://x", "key", transport=record("async")) as client:
            for name, arguments in CALLS.items():
                called = getattr(client, name)(*arguments, **NAMED.get(name, {}))
                with suppress(Refused):
                    await (anext(called) if isinstance(called, AsyncIterator) else called)

    with Client("http://x", "key", transport=record("blocking")) as client:
        for name, arguments in CALLS.items():
            with suppress(Refused):
                called = getattr(client, name)(*arguments, **NAMED.get(name, {}))
                if isinstance(called, Iterator):
                    next(called)
    asyncio.run(ask_all())
    assert sent["blocking"] == sent["async"]
    assert len(sent["async"]) == len(CALLS)


def test_shapes_are_those_of_the_page() -> None:
    """Each typed answer has the members of the document of its name, no more and no fewer."""
    known = {
        name.removesuffix("Document"): kind
        for module in (documents, insight_documents)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    }
    found = [one for one in vars(shapes).values() if typing.is_typeddict(one)]
    assert len(found) > 10
    for shape in found:
        document = known[shape.__name__].model_fields
        assert set(typing.get_type_hints(shape)) == set(document), shape.__name__


async def test_audiences_from_python(made: Rig) -> None:
    """Saved, tried, refused with the place, listed; nothing under an unknown name."""
    async with AsyncClient("http://gateway", transport=Spy(made.app)) as client:
        version = await client.save_audience("gold", "attributes.tier == 'x'", {"tier": "string"})
        assert [one["name"] for one in await client.audiences()] == ["buyers", "gold"]
        found = await client.audience("gold")
        assert found is not None
        assert (found["rule"], found["members"]) == ("attributes.tier == 'x'", 0)
        tried = await client.preview(RULE, people=2)
        assert (tried["asked"], tried["inside"]) == (2, 2) or tried["asked"] <= 2
        assert [one async for one in client.members("gold")] == []
        with pytest.raises(Refused) as refused:
            await client.save_audience("wrong", "events.nothing")
        assert refused.value.errors[0]["pointer"] == "/rule"
        assert await client.delete_audience("gold") == version + 1
        assert await client.audience("gold") is None
        assert await client.model("nothing") is None
        assert await client.affinities("crm", "nobody") is None
        assert await client.export("crm", "nobody") is None


def test_members_are_read_page_by_page() -> None:
    """Page after page with the cursor of the one before, lazily, to the last one."""
    pages = {None: (["a", "b"], "1"), "1": ([], "2"), "2": (["c"], None)}
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        asked.append(cursor)
        members, following = pages[cursor]
        return httpx.Response(200, json={"members": members, "next": following})

    with Client("http://x", transport=httpx.MockTransport(answer)) as client:
        found = client.members("buyers", page=2)
        assert [next(found), next(found)] == ["a", "b"]
        assert asked == [None]
        assert list(found) == ["c"]
    assert asked == [None, "1", "2"]


async def _begin(events: AsyncIterator[Any], spy: Spy) -> None:
    """A stream without news goes on for ever: let it ask, and come back."""
    before = len(spy.asked)
    reading = asyncio.ensure_future(anext(events))
    while len(spy.asked) == before:
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])


def _operation(operations: set[tuple[str, str]], method: str, path: str) -> tuple[str, str]:
    """The operation that a request is of: that with the fewest parameters."""
    fitting = [
        (how, template)
        for how, template in operations
        if how == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    return min(fitting, key=lambda one: one[1].count("{"))
