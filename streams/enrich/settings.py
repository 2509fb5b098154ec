"""What an operator can set of the enrich plane."""

from __future__ import annotations

from dataclasses import dataclass, field

from afflux.limits import Expiry, Silence, StepSettings, Timelines


@dataclass(frozen=True, slots=True)
class EnrichSettings:
    """Sizes and times of the enrich plane; the defaults suit one worker a core."""

    partitions: int
    """Partitions of the input topics."""
    shards: int
    """Shards of the installation, a multiple of `partitions`."""
    secret: bytes
    """Signs control records."""
    skew_ms: int = 300_000
    """How far an event time may lie past its record's timestamp."""
    commit_rows: int = 500
    """At most this many rows of a shard in one commit."""
    spacing_ms: int = 10
    """Folds of few records start so long after one another: more of them share one."""
    learner_lag: int = 4_000
    """Examples that may be unlearned before scoring waits for the learner."""
    learner_patience_s: float = 10.0
    """After so long without progress of the learner, scoring goes on without it."""
    idle_tick_s: float = 30.0
    """An idle partition gets a tick after so long; 0 turns ticks off."""
    edge_refresh_ms: int = 86_400_000
    """A link that was sent to the other identity's shard is sent again when older than this."""
    bad_share: float = 0.5
    """The worker stops when more than this share of the recent records is bad."""
    bad_window: int = 2_000
    """How many recent records the share is taken of."""
    silence: Silence = field(default_factory=Silence)
    """When scores of people without events are made anew."""
    baskets: int = 0
    """Of so many purchases with items recommenders learn from one; 0: of none."""
    expiry: Expiry = field(default_factory=Expiry)
    """What is forgotten of people who stay away."""
    timelines: Timelines = field(default_factory=Timelines)
    """What is kept of single events."""

    @property
    def step(self) -> StepSettings:
        """What a step goes by, and whoever tells again what it did."""
        return StepSettings(
            shards=self.shards,
            skew_ms=self.skew_ms,
            edge_refresh_ms=self.edge_refresh_ms,
            silence=self.silence,
            expiry=self.expiry,
            baskets=self.baskets,
            timelines=self.timelines,
        )
