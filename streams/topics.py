"""THE table of topics: key, value, partitions, retention, who writes and who reads.

>>> [t.name for t in INPUT_TOPICS]
['experience-events', 'profile-attributes', 'profile-attribute-patches']
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from afflux.limits import DAY_MS

Cleanup = Literal["delete", "compact"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Afflux expects it. `partitions` None means: as many as the installation has."""

    name: str
    key: str
    values: tuple[str, ...]
    """Names of the schemas of the values."""
    cleanup: Cleanup
    writers: str
    readers: str
    partitions: int | None = None
    log_append_time: bool = False
    retention_ms: int = -1
    """Of a topic with the policy delete: -1 keeps records for ever, deleted people included."""

    @property
    def configs(self) -> dict[str, str]:
        """What it is created with. Segments of a day, so that old records do go."""
        found = {"cleanup.policy": self.cleanup, "segment.ms": str(DAY_MS)}
        if self.cleanup == "delete":
            found["retention.ms"] = str(self.retention_ms)
        else:
            found["max.compaction.lag.ms"] = str(DAY_MS)
            found["delete.retention.ms"] = str(DAY_MS)
        if self.log_append_time:
            found["message.timestamp.type"] = "LogAppendTime"
        return found


EXPERIENCE_EVENTS = Topic(
    "experience-events", "primary identity", ("ExperienceEvent", "ControlRecord"), "delete",
    "producers, workers (control records)", "enrich", log_append_time=True,
    retention_ms=90 * DAY_MS,
)  # fmt: skip
PROFILE_ATTRIBUTES = Topic(
    "profile-attributes", "primary identity", ("ProfileAttributes",), "compact",
    "producers", "enrich", log_append_time=True,
)  # fmt: skip
PROFILE_ATTRIBUTE_PATCHES = Topic(
    "profile-attribute-patches", "primary identity", ("ProfileAttributePatch",), "delete",
    "producers", "enrich", log_append_time=True, retention_ms=90 * DAY_MS,
)  # fmt: skip
SCORE_UPDATES = Topic(
    "score-updates", "identity of the owner row", ("ScoreUpdate",), "compact",
    "enrich", "subscribers",
)  # fmt: skip
AUDIENCE_UPDATES = Topic(
    "audience-updates", "identity of the owner row", ("AudienceUpdate",), "compact",
    "enrich", "subscribers",
)  # fmt: skip
TRAINING_EXAMPLES = Topic(
    "training-examples", "model; identity of whom to forget (null value)",
    ("TrainingExample", "ModelCommand", "BasketExample"), "delete",
    "enrich, afflux models (commands)", "learn", partitions=1, retention_ms=30 * DAY_MS,
)  # fmt: skip
MODEL_UPDATES = Topic(
    "model-updates", "model", ("ModelUpdate",), "compact", "learn", "operators", partitions=1,
)  # fmt: skip

INPUT_TOPICS: tuple[Topic, ...] = (
    EXPERIENCE_EVENTS, PROFILE_ATTRIBUTES, PROFILE_ATTRIBUTE_PATCHES,
)  # fmt: skip
"""Order matters: positions are indexed by it. Only append."""


def dead_letters(source: Topic) -> Topic:
    """The dead-letter topic of an input topic."""
    return Topic(
        f"{source.name}.dlq", "key of the source record", (), "delete",
        "enrich", "afflux dlq", retention_ms=30 * DAY_MS,
    )  # fmt: skip


TOPICS: tuple[Topic, ...] = (
    *INPUT_TOPICS,
    SCORE_UPDATES,
    AUDIENCE_UPDATES,
    TRAINING_EXAMPLES,
    MODEL_UPDATES,
    *(dead_letters(t) for t in INPUT_TOPICS),
)
