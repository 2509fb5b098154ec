"""Settings of a step: what an installation fixes, as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from afflux.interests.rules import DEFAULT_RULES, InterestRules

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Silence:
    """When scores of people without events are made anew, see `afflux/silence.py`."""

    first_ms: int = 4 * DAY_MS
    """Event time since the last event at which they are for the first time; 0: never."""
    last_ms: int = 365 * DAY_MS
    """After so long they are left as they are."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """What is forgotten of people without events, see `afflux/expiry.py`; 0: nothing ever is."""

    profile_ms: int = 0
    """Event time since the last event until a row goes."""
    pseudonymous_ms: int = 0
    """The same for identities of the namespaces `pseudonymous`, where that is sooner."""
    pseudonymous: tuple[str, ...] = ()
    score_ms: int = 0
    """Until the scores go."""
    membership_ms: int = 0
    """Event time since the last entry until an audience goes that somebody is not in any more."""
    source_ms: int = 30 * DAY_MS
    """Time of the log since the last record of a source until its numbers go."""


@dataclass(frozen=True, slots=True)
class Timelines:
    """What is kept of single events, see `afflux/timeline/`."""

    events: int = 0
    """Of each fragment the last ones; 0: none."""
    lifetime_ms: int = 0
    """Event time after which they go; 0: never."""


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What a step needs to know of the installation; changing it changes rows."""

    shards: int
    """Shards of the installation."""
    skew_ms: int = 300_000
    """How far an event time may lie past its record's timestamp and still move W."""
    edge_refresh_ms: int = DAY_MS
    """A link that is seen again is stored and sent again when it is so much newer."""
    silence: Silence = Silence()
    expiry: Expiry = Expiry()
    interests: InterestRules = DEFAULT_RULES
    baskets: int = 0
    """Of so many purchases recommenders learn from one (`afflux/baskets/taken.py`); 0: of none."""
    timelines: Timelines = Timelines()
