"""The client for event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from gateway.client import wire
from gateway.client.errors import Refused, Unavailable
from gateway.client.event_stream import EventStream, ScoreEvent


class AsyncClient:
    """Methods raise Refused for what is not right, Unavailable where it may work later.

    timeout: seconds of one request; streams have none. transport: httpx's, for tests.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers=wire.headers(key), timeout=timeout, transport=transport
        )

    async def profile(
        self,
        namespace: str,
        id: str,
        fields: Iterable[str] | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> dict[str, Any] | None:
        """The profile of a person by any identity; None if nothing is known.

        fresh: with scores made anew, for `at` or for where event time stands.
        """
        try:
            found: dict[str, Any] = await self._ask(wire.profile(namespace, id, fields, at, fresh))
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return found

    async def profiles(
        self,
        people: Iterable[tuple[str, str]],
        fields: Iterable[str] | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> list[dict[str, Any] | None]:
        """Profiles of many (namespace, id), in their order."""
        found: list[dict[str, Any] | None] = (
            await self._ask(wire.lookup(people, fields, at, fresh))
        )["profiles"]
        return found

    async def models(self) -> list[dict[str, Any]]:
        """All models with their quality."""
        found: list[dict[str, Any]] = (await self._ask(wire.Asked("GET", "/v1/models")))["models"]
        return found

    async def send(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Hand in events; how many are in Kafka then: all. After Unavailable send them again."""
        return int((await self._ask(wire.events(events)))["accepted"])

    async def scores(
        self,
        profile: str | None = None,
        models: Iterable[str] = (),
        last_id: str | None = None,
        from_start: bool = False,
    ) -> AsyncIterator[ScoreEvent]:
        """Score updates as they come, for ever; after a lost connection from where it was.

        profile: only this person, as `namespace:id`. last_id: the id of the event to go on after.
        Raises Refused, with 409 where the log of `last_id` is gone.
        """
        state, asked = EventStream(last_id), wire.stream(profile, models, from_start)
        while True:
            try:
                async for event in self._read(asked, state):
                    yield event
                pause = state.retry_s
            except httpx.HTTPError:
                pause = state.retry_s
            except Unavailable as error:
                pause = error.retry_after
            state.broken()
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Drop the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, asked: wire.Asked) -> Any:
        try:
            response = await self._http.request(
                asked.method,
                asked.path,
                params=asked.parameters,
                content=asked.body,
                headers={"Content-Type": "application/json"} if asked.body else None,
            )
        except httpx.HTTPError as error:
            raise wire.lost(error) from error
        return wire.answer(response)

    async def _read(self, asked: wire.Asked, state: EventStream) -> AsyncIterator[ScoreEvent]:
        async with self._http.stream(
            asked.method,
            asked.path,
            params=asked.parameters,
            headers=wire.resume(state),
            timeout=httpx.Timeout(10.0, read=60.0),
        ) as response:
            if response.status_code != 200:
                await response.aread()
                raise wire.error_of(response)
            async for line in response.aiter_lines():
                event = state.line(line)
                if event is not None:
                    yield event
