"""Settings of a step: what an installation fixes, as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from afflux.interests.rules import DEFAULT_RULES, InterestRules

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What a step needs to know of the installation; changing it changes rows."""

    shards: int
    """Shards of the installation."""
    skew_ms: int = 300_000
    """How far an event time may lie past its record's timestamp and still move W."""
    edge_refresh_ms: int = DAY_MS
    """A link that is seen again is stored and sent again when it is so much newer."""
    interests: InterestRules = DEFAULT_RULES
