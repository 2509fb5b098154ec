"""The words of the domain as types."""

from __future__ import annotations

from typing import NewType

Identity = NewType("Identity", bytes)
"""`namespace:id` in UTF-8, also the Kafka key. The namespace has no colon."""

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""

Shard = NewType("Shard", int)
Partition = NewType("Partition", int)
Offset = NewType("Offset", int)
ModelName = NewType("ModelName", str)
Dataset = NewType("Dataset", str)
ProfileId = NewType("ProfileId", str)
EventId = NewType("EventId", str)

EVENTS: Dataset = Dataset("events")
"""The dataset of the topic `experience-events`."""

ATTRIBUTES: Dataset = Dataset("attributes")
"""The dataset of the topic `profile-attributes`."""

PATCHES: Dataset = Dataset("patches")
"""The dataset of the topic `profile-attribute-patches`; its rows are those of ATTRIBUTES."""


class AffluxError(Exception):
    """Root of every error that Afflux raises on purpose."""
