"""Event time goes on at the log's pace where no events come."""

from __future__ import annotations

from collections.abc import Callable

from afflux.outcome import Control
from afflux.position import NONE_MS
from streams.encoding import encode_control
from streams.enrich.announce import Announcer
from streams.enrich.audiences import RuleSource
from streams.enrich.partition import OwnedPartition
from streams.ports import Delivery

_TIMERS_MS = 500
"""An idle partition is not ticked more often than that."""


class IdleTicks:
    """Sends ticks. every_s: an idle partition gets one after so long; 0 turns them off."""

    def __init__(
        self,
        every_s: float,
        delivery: Delivery,
        announcer: Announcer,
        rules: RuleSource,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
    ) -> None:
        self._every = every_s
        self._delivery = delivery
        self._announcer = announcer
        self._rules = rules
        self._monotonic = monotonic
        self._wall_ms = wall_ms

    async def tick_if_idle(self, part: OwnedPartition) -> None:
        """A tick where nothing came for long, or a window of an audience may have run out."""
        head = part.heads[0]
        if not self._every or head.watermark.value == NONE_MS:
            return
        now = self._wall_ms()
        idle = self._monotonic() - head.seen_at
        if idle < self._every and not self._runs_out(part, now):
            return
        control = Control(
            kind="tick",
            offset=-1,
            timestamp=head.watermark.value + max(0, now - head.append_time),
            append_time=now,
            identity=None,
            identity_hash=part.number,
        )
        await self._delivery.send(
            [self._announcer.control(None, encode_control(control), part.number)]
        )

    def _runs_out(self, part: OwnedPartition, now: int) -> bool:
        head, rules = part.heads[0], self._rules.current
        if rules is None or not rules.program.timed or now - head.append_time < _TIMERS_MS:
            return False
        at = head.watermark.value + now - head.append_time
        return any(part.may_be_due(s, at) for s in part.shards)
