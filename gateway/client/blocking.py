"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from gateway.client import wire
from gateway.client.errors import Refused, Unavailable
from gateway.client.event_stream import EventStream, ScoreEvent


class Client:
    """Methods raise Refused for what is not right, Unavailable where it may work later.

    timeout: seconds of one request; streams have none. transport: httpx's, for tests.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=url, headers=wire.headers(key), timeout=timeout, transport=transport
        )

    def profile(
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
            found: dict[str, Any] = self._ask(wire.profile(namespace, id, fields, at, fresh))
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return found

    def profiles(
        self,
        people: Iterable[tuple[str, str]],
        fields: Iterable[str] | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> list[dict[str, Any] | None]:
        """Profiles of many (namespace, id), in their order."""
        found: list[dict[str, Any] | None] = self._ask(wire.lookup(people, fields, at, fresh))[
            "profiles"
        ]
        return found

    def models(self) -> list[dict[str, Any]]:
        """All models with their quality."""
        found: list[dict[str, Any]] = self._ask(wire.Asked("GET", "/v1/models"))["models"]
        return found

    def send(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Hand in events; how many are in Kafka then: all. After Unavailable send them again."""
        return int(self._ask(wire.events(events))["accepted"])

    def scores(
        self,
        profile: str | None = None,
        models: Iterable[str] = (),
        last_id: str | None = None,
        from_start: bool = False,
    ) -> Iterator[ScoreEvent]:
        """Score updates as they come, for ever; after a lost connection from where it was.

        profile: only this person, as `namespace:id`. last_id: the id of the event to go on after.
        Raises Refused, with 409 where the log of `last_id` is gone.
        """
        state, asked = EventStream(last_id), wire.stream(profile, models, from_start)
        while True:
            try:
                yield from self._read(asked, state)
                pause = state.retry_s
            except httpx.HTTPError:
                pause = state.retry_s
            except Unavailable as error:
                pause = error.retry_after
            state.broken()
            time.sleep(pause)

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, asked: wire.Asked) -> Any:
        try:
            response = self._http.request(
                asked.method,
                asked.path,
                params=asked.parameters,
                content=asked.body,
                headers={"Content-Type": "application/json"} if asked.body else None,
            )
        except httpx.HTTPError as error:
            raise wire.lost(error) from error
        return wire.answer(response)

    def _read(self, asked: wire.Asked, state: EventStream) -> Iterator[ScoreEvent]:
        with self._http.stream(
            asked.method,
            asked.path,
            params=asked.parameters,
            headers=wire.resume(state),
            timeout=httpx.Timeout(10.0, read=60.0),
        ) as response:
            if response.status_code != 200:
                response.read()
                raise wire.error_of(response)
            for line in response.iter_lines():
                event = state.line(line)
                if event is not None:
                    yield event
