"""A stream of score updates for one subscriber: what was missed first, then what comes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Any

from afflux.names import Identity
from gateway.access import Caller
from gateway.cursors import Cursor
from gateway.problems import Problem
from gateway.score_hub import LoggedUpdate, ScoreHub, ScoreLog, Subscriber
from gateway.settings import GatewaySettings
from profile_store import StoreError
from streams.errors import BrokerUnavailable
from streams.newest import Newest, chosen

_RETRY_MS = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """Which updates. profile: any identity of one person, None for everybody."""

    profile: str | None = None
    models: frozenset[str] = frozenset()


class Subscriptions:
    """Streams of server-sent events."""

    def __init__(
        self,
        hub: ScoreHub,
        log: ScoreLog,
        settings: GatewaySettings,
        deleted_at: Callable[[Sequence[Identity]], Awaitable[Sequence[int]]],
    ) -> None:
        """deleted_at: the event time of each one's delete, 0 for those who were not deleted."""
        self._hub, self._log, self._settings = hub, log, settings
        self._deleted_at = deleted_at

    def open(
        self, caller: Caller, choice: Choice, last: Cursor | None, from_start: bool
    ) -> AsyncGenerator[bytes, None]:
        """The stream, after `last` or from now on. Raises a 409 for a place of another log, 503."""
        subscriber = self._hub.subscribe()
        now = subscriber.start
        if last is not None and not last.is_within(now):
            self._hub.leave(subscriber)
            raise Problem(
                409, "Last-Event-ID is of another log than the one that is there: start without it"
            )
        begin = last or (Cursor(now.log, (0,) * len(now.offsets)) if from_start else now)
        return self._stream(caller, choice, begin, subscriber)

    async def _stream(
        self, caller: Caller, choice: Choice, cursor: Cursor, subscriber: Subscriber
    ) -> AsyncGenerator[bytes, None]:
        newest = Newest(self._settings.remembered_profiles)
        until = monotonic() + self._settings.stream_s
        try:
            # An id without data: whoever breaks off before the first update knows the place.
            yield f"retry: {_RETRY_MS}\nid: {cursor}\n\n".encode()
            async with aclosing(self._all(cursor, subscriber, until)) as batches:
                async for batch in batches:
                    if not batch:
                        yield b":\n\n"
                    for one in batch:
                        if not cursor.is_before(one.partition, one.offset):
                            continue
                        cursor = cursor.after(one.partition, one.offset)
                        shown = _shown(caller, choice, newest, one.update)
                        if shown is not None:
                            yield _event(cursor, shown)
        except (BrokerUnavailable, StoreError):
            return  # the client comes back where it was
        finally:
            self._hub.leave(subscriber)

    async def _all(
        self, cursor: Cursor, subscriber: Subscriber, until: float
    ) -> AsyncGenerator[Sequence[LoggedUpdate], None]:
        """What was missed, then what comes; nothing where it was silent for long."""
        async with aclosing(self._log.replay(cursor, subscriber.start)) as missed:
            async for updates in missed:
                yield await self._without_deleted(updates)
        while not subscriber.ended and (left := until - monotonic()) > 0:
            yield await subscriber.take(min(left, self._settings.heartbeat_s))
        yield await subscriber.take(0)

    async def _without_deleted(self, updates: Sequence[LoggedUpdate]) -> Sequence[LoggedUpdate]:
        """A compacted topic still has for a while what was said of people who were deleted."""
        if not updates:
            return updates
        named = {name for one in updates for name in _names(one.update)}
        people = [Identity(name.encode()) for name in sorted(named)]
        found = zip(people, await self._deleted_at(people), strict=True)
        deleted = {who.decode(): at for who, at in found if at}
        if not deleted:
            return updates
        return [
            one
            for one in updates
            if one.update["eventTime"] > max(deleted.get(n, -1) for n in _names(one.update))
        ]


def _names(update: Mapping[str, Any]) -> list[str]:
    return [update["identity"], *update["identities"]]


def _shown(
    caller: Caller, choice: Choice, newest: Newest, update: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The update as this caller may see it; None where it is not for them, or not new."""
    wanted = chosen(update, choice.profile, choice.models)
    if wanted is None:
        return None
    names = dict.fromkeys([update["identity"], *update["identities"]])
    seen = [name for name in names if caller.may_see(name)]
    if not seen or not newest.is_new(update):
        return None
    identities = [name for name in update["identities"] if caller.may_see(name)]
    change = newest.change(update["identity"], identities)
    shown = {**wanted, "identity": seen[0], "identities": identities}
    return {**shown, "change": change} if change else shown


def _event(cursor: Cursor, update: Mapping[str, Any]) -> bytes:
    data = json.dumps(update, separators=(",", ":"))
    return f"event: score\nid: {cursor}\ndata: {data}\n\n".encode()
