"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from gateway.client import asking, wire
from gateway.client.errors import Unavailable
from gateway.client.event_stream import EventStream, ScoreEvent
from gateway.client.shapes import (
    Affinity,
    Audience,
    Clusters,
    Dossier,
    Forecasts,
    Health,
    Identities,
    Key,
    Members,
    Model,
    Preview,
    Profile,
    Receipt,
    Recommendations,
    Similar,
    Timeline,
)
from gateway.client.wire import T


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
        policy: str | None = None,
    ) -> Profile | None:
        """The profile of a person by any identity; None if nothing is known.

        fresh: with scores made anew, for `at` or for where event time stands. policy: name of a
        merge policy; None: the default one.
        """
        return self._ask(asking.profile((namespace, id), fields, at, fresh, policy))

    def profiles(
        self,
        people: Iterable[tuple[str, str]],
        fields: Iterable[str] | None = None,
        at: int | None = None,
        fresh: bool = False,
        policy: str | None = None,
    ) -> list[Profile | None]:
        """Profiles of many (namespace, id), in their order."""
        return self._ask(asking.lookup(people, fields, at, fresh, policy))

    def affinities(
        self, namespace: str, id: str, at: int | None = None
    ) -> dict[str, list[Affinity]] | None:
        """What a person is interested in, by kind, the strongest first; None: nobody knows them."""
        return self._ask(asking.affinities((namespace, id), at))

    def similar(
        self,
        namespace: str,
        id: str,
        limit: int = 10,
        by: Literal["interests", "cluster"] | None = None,
    ) -> Similar | None:
        """Who is most like a person, of a sample of people; None: nobody knows the person.

        by: what is compared; None: interests where there are any.
        """
        return self._ask(asking.similar((namespace, id), limit, by))

    def timeline(
        self,
        namespace: str,
        id: str,
        since: int | None = None,
        until: int | None = None,
        types: Iterable[str] = (),
        limit: int = 100,
        cursor: str | None = None,
        newest_first: bool = False,
    ) -> Timeline | None:
        """The last events of a person by event time, a page; None: nobody knows the person.

        since, until: ms, from and before. cursor: `next` of the page before.
        """
        how = since, until, types, limit, cursor, newest_first
        return self._ask(asking.timeline((namespace, id), *how))

    def models(self) -> list[Model]:
        """All models with their quality."""
        return self._ask(asking.models())

    def model(self, name: str) -> Model | None:
        """One model with its quality; None if there is none of that name."""
        return self._ask(asking.model(name))

    def recommendations(self, namespace: str, id: str, count: int = 10) -> Recommendations:
        """Categories and products of the next basket, best first."""
        return self._ask(asking.recommendations((namespace, id), count))

    def clusters(self) -> Clusters:
        """The audience clusters."""
        return self._ask(asking.clusters())

    def forecasts(self, segment: str | None = None) -> Forecasts:
        """Events and revenue of the next seven days; of one segment, or of all."""
        return self._ask(asking.forecasts(segment))

    def audiences(self) -> list[Audience]:
        """All audiences, each with its rule and how many are in it."""
        return self._ask(asking.audiences())

    def audience(self, name: str) -> Audience | None:
        """One audience; None if there is none of that name."""
        return self._ask(asking.audience(name))

    def save_audience(
        self, name: str, rule: str, attributes: Mapping[str, str] | None = None
    ) -> int:
        """Save a rule in CEL, new or changed; the version of all audiences that this makes.

        attributes: types (bool, int, double, string) of those that it names and that were not
        declared yet. Raises Refused: its `errors` have the place in the rule.
        """
        return self._ask(asking.save_audience(name, rule, attributes))

    def delete_audience(self, name: str) -> int:
        """Delete an audience. Raises Refused: 404, or 409 where another one names it."""
        return self._ask(asking.delete_audience(name))

    def preview(
        self, rule: str, attributes: Mapping[str, str] | None = None, people: int = 10_000
    ) -> Preview:
        """What a rule would do with at most so many people as they are now; nothing is saved."""
        return self._ask(asking.preview(rule, attributes, people))

    def members_page(self, audience: str, limit: int = 100, cursor: str | None = None) -> Members:
        """A page of members; its `next` is the cursor of the next one."""
        return self._ask(asking.members(audience, limit, cursor))

    def members(self, audience: str, page: int = 1_000) -> Iterator[str]:
        """All identities that are in an audience, read page by page while they are iterated."""
        cursor: str | None = None
        while True:
            found = self.members_page(audience, page, cursor)
            yield from found["members"]
            cursor = found["next"]
            if cursor is None:
                return

    def overlap(self, one: str, other: str) -> int:
        """How many identities are in both audiences."""
        return self._ask(asking.overlap(one, other))

    def send(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Hand in events; how many are in Kafka then: all. After Unavailable send them again."""
        return self._ask(asking.events(events))

    def export(self, namespace: str, id: str) -> Dossier | None:
        """All that is kept of a person; None where nothing is."""
        return self._ask(asking.export((namespace, id)))

    def delete(self, namespace: str, id: str) -> str:
        """Ask that a person be forgotten, with all identities; the receipt."""
        return self._ask(asking.delete((namespace, id)))

    def receipt(self, receipt: str) -> Receipt:
        """How far a delete is, and what was done where."""
        return self._ask(asking.receipt(receipt))

    def consent(self, namespace: str, id: str, *, scoring: bool) -> str:
        """Say whether a person may be scored; the receipt."""
        return self._ask(asking.consent((namespace, id), scoring))

    def identities(self, namespace: str, id: str) -> Identities | None:
        """A person's links, explained; None where no link was ever seen."""
        return self._ask(asking.identities((namespace, id)))

    def link(self, one: tuple[str, str], other: tuple[str, str]) -> int:
        """Say that two (namespace, id) belong to one person; how many ends are told: 2."""
        return self._ask(asking.linked(one, other, True))

    def unlink(self, one: tuple[str, str], other: tuple[str, str]) -> int:
        """Say that two (namespace, id) do not belong together."""
        return self._ask(asking.linked(one, other, False))

    def keys(self) -> list[Key]:
        """All API keys, without anything that lets them in."""
        return self._ask(asking.keys())

    def health(self) -> Health:
        """Which parts of the gateway answer. Raises Unavailable where it is not ready."""
        return self._ask(asking.health())

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
        state, asked = EventStream(last_id), asking.stream(profile, models, from_start)
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

    def _ask(self, asked: wire.Asked[T]) -> T:
        try:
            response = self._http.request(
                asked.method,
                asked.path,
                params=asked.parameters,
                content=asked.body,
                headers=asked.headers,
            )
        except httpx.HTTPError as error:
            raise wire.lost(error) from error
        return asked.answer(response)

    def _read(self, asked: wire.Asked[Any], state: EventStream) -> Iterator[ScoreEvent]:
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
