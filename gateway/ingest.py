"""Events handed in over HTTP: all faults at once, or all of them in Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import time
from typing import Any

from gateway.access import Caller
from gateway.problems import Fault, Problem
from gateway.settings import GatewaySettings
from streams.errors import BrokerUnavailable
from streams.intake import EventFault, Taken, take_in
from streams.ports import Delivery, messages
from streams.topics import EXPERIENCE_EVENTS

_MOST_FAULTS = 1000


class Ingest:
    """Takes events in. delivery: makes the producer at the first use."""

    def __init__(
        self,
        delivery: Callable[[], Delivery],
        settings: GatewaySettings,
        clock: Callable[[], float] = time,
    ) -> None:
        self._delivery, self._settings, self._clock = delivery, settings, clock

    async def take(self, caller: Caller, body: Any) -> int:
        """How many events are in Kafka now: all of them, acknowledged by all replicas.

        body: an event, or a list of events. Raises a 422 with all faults, a 403, a 409, or
        BrokerUnavailable: then some may be in the log, and the same request again is safe, since
        workers drop an `_id` that they have seen.
        """
        many = isinstance(body, list)
        events = body if many else [body]
        self._check_count(events)
        taken, faults = take_in(
            events, self._settings.rules, self._settings.event_bytes, round(self._clock() * 1000)
        )
        if faults:
            shown = [_fault(fault, many) for fault in faults[:_MOST_FAULTS]]
            raise Problem(422, f"{len(faults)} faults; nothing was taken", shown)
        caller.must_see(name for event in events for name in event["identityMap"])
        _refuse_conflicts(events, taken)
        await self._send(taken)
        return len(taken)

    def _check_count(self, events: Sequence[Any]) -> None:
        most = self._settings.max_events
        if not 1 <= len(events) <= most:
            why = f"{len(events)} events, 1 to {most} are taken at once"
            raise Problem(422, why, [Fault(why, "", "count")])

    async def _send(self, taken: Sequence[Taken]) -> None:
        keys, values = [t.key for t in taken], [t.value for t in taken]
        sending = self._delivery().send(messages(EXPERIENCE_EVENTS.name, keys, values))
        try:
            await asyncio.wait_for(sending, self._settings.produce_timeout_s)
        except TimeoutError:
            limit = self._settings.produce_timeout_s
            raise BrokerUnavailable(f"no acknowledgement within {limit:g} s") from None


def _fault(fault: EventFault, many: bool) -> Fault:
    pointer = f"/{fault.index}{fault.pointer}" if many else fault.pointer
    return Fault(fault.message, pointer, fault.code)


def _refuse_conflicts(events: Sequence[Any], taken: Sequence[Taken]) -> None:
    """Two different events of one person with one `_id`: the second would be dropped silently."""
    first: dict[tuple[bytes, str], bytes] = {}
    faults = []
    for index, (event, one) in enumerate(zip(events, taken, strict=True)):
        if first.setdefault((one.key, event["_id"]), one.value) != one.value:
            why = "another event of this person in the same request has this _id"
            faults.append(Fault(why, f"/{index}/_id", "conflict"))
    if faults:
        raise Problem(409, "events contradict each other; nothing was taken", faults)
