"""Profiles as answers: found, named by a mark, and made into JSON only where that is needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from afflux.names import Identity
from gateway.access import Caller
from gateway.recent_answers import RecentAnswers
from profile_store.found import Found
from profile_store.similar import By, Similar
from profile_store.timelines import TimelinePage
from profile_store.volumes import DailyVolumes

FORM = 2
"""Of the answers: a change of what they look like changes their marks."""


class ProfileReader(Protocol):
    """What the gateway needs of a store; `AsyncProfileStore` is one."""

    async def find(
        self,
        people: Sequence[tuple[str, str]],
        fields: Sequence[str] | None = None,
        policy: str | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> Found:
        """Rows of these people."""
        ...

    async def similar(
        self,
        namespace: str,
        id: str,
        limit: int,
        by: By | None,
        visible: Callable[[Identity], bool],
    ) -> Similar | None:
        """Who is most like a person."""
        ...

    def forget(self) -> None:
        """Keep no name of anybody in memory."""
        ...

    async def timeline(
        self,
        namespace: str,
        id: str,
        since: int | None,
        until: int | None,
        types: Sequence[str],
        limit: int,
        cursor: str | None,
        newest_first: bool,
    ) -> TimelinePage | None:
        """The last events of a person."""
        ...

    async def deleted_at(self, identities: Sequence[Identity]) -> list[int]:
        """Event time of the delete of each, 0 for those who were not deleted."""
        ...

    async def snapshots(self, models: Sequence[str]) -> list[bytes | None]:
        """The current snapshot of each model."""
        ...

    async def volumes(self) -> DailyVolumes:
        """Events and money a day."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of each profile. fields: None for all. at: time of the features, ms.

    fresh: scores are made anew, for `at` or for where event time stands. policy: name of a merge
    policy; None: the default one.
    """

    fields: tuple[str, ...] | None = None
    at: int | None = None
    fresh: bool = False
    policy: str | None = None


class Page(NamedTuple):
    """Which events are asked for, as `AsyncProfileStore.timeline` is."""

    since: int | None
    until: int | None
    types: Sequence[str]
    limit: int
    cursor: str | None
    newest_first: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One profile. body: its JSON, None where nothing is known or it was not asked for."""

    mark: str
    profile_id: str | None
    body: bytes | None


class ProfileReading:
    """Reads profiles for callers."""

    def __init__(self, reader: ProfileReader, cached: int) -> None:
        self._reader = reader
        self._recent = RecentAnswers(cached)

    def forget(self) -> None:
        """Drop all that is kept of anybody: somebody was deleted."""
        self._recent.clear()
        self._reader.forget()

    async def one(
        self, caller: Caller, namespace: str, id: str, wanted: Wanted, marks: frozenset[str]
    ) -> tuple[Answer, bool]:
        """The profile of a person, and whether its mark is one of `marks`: then without a body."""
        found = await self._reader.find(
            [(namespace, id)], wanted.fields, wanted.policy, wanted.at, wanted.fresh
        )
        (stored,) = found.marks()
        mark = _mark(stored, caller, wanted)
        answer = self._recent.get(mark)
        if answer is None:
            (profile,) = await found.profiles()
            answer = _answer(mark, caller, profile)
            self._recent.put(mark, answer)
        return answer, answer.body is not None and mark in marks

    async def similar(
        self, caller: Caller, namespace: str, id: str, limit: int, by: By | None
    ) -> Similar | None:
        """Who is most like a person, of those whom the caller may see."""
        return await self._reader.similar(namespace, id, limit, by, caller.may_see)

    async def timeline(
        self, caller: Caller, namespace: str, id: str, wanted: Page
    ) -> dict[str, Any] | None:
        """A page of a person's events, as JSON. Raises CursorError."""
        page = await self._reader.timeline(namespace, id, *wanted)
        if page is None:
            return None
        content = page.to_dict()
        return _narrowed(caller, content) if caller.namespaces else content

    async def many(
        self, caller: Caller, people: Sequence[tuple[str, str]], wanted: Wanted
    ) -> list[Answer]:
        """Profiles of many, in their order, in one go."""
        found = await self._reader.find(
            people, wanted.fields, wanted.policy, wanted.at, wanted.fresh
        )
        return [_answer("", caller, profile) for profile in await found.profiles()]


def _mark(stored: str, caller: Caller, wanted: Wanted) -> str:
    """All that the answer depends on."""
    asked = wanted.fields, wanted.at, wanted.fresh, wanted.policy
    parts = [FORM, stored, sorted(caller.namespaces), *asked]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _answer(mark: str, caller: Caller, profile: Any) -> Answer:
    if profile is None:
        return Answer(mark, None, None)
    content = profile.to_dict()
    if caller.namespaces:
        content = _narrowed(caller, content)
    return Answer(mark, profile.profile_id, json.dumps(content, separators=(",", ":")).encode())


def _narrowed(caller: Caller, content: Mapping[str, Any]) -> dict[str, Any]:
    """Without identities of namespaces that are not the caller's."""

    def shown(value: dict[str, Any]) -> dict[str, Any]:
        return value if caller.may_see(value["identity"]) else {**value, "identity": None}

    narrowed = {**content, "identities": [i for i in content["identities"] if caller.may_see(i)]}
    if "open_examples" in content:
        narrowed["open_examples"] = [shown(example) for example in content["open_examples"]]
    if "events" in content:
        narrowed["events"] = [shown(event) for event in content["events"]]
    if "scores" in content:
        narrowed["scores"] = {m: _score(shown, s) for m, s in content["scores"].items()}
    return narrowed


def _score(shown: Any, score: dict[str, Any]) -> dict[str, Any]:
    return shown(score) if "identity" in score else score
