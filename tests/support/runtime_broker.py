"""The broker that a test runs on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Broker:
    """A running broker.

    kind: "kafka" is a real Apache Kafka, "embedded" is Tansu. bootstrap: host:port.
    """

    kind: Literal["kafka", "embedded"]
    bootstrap: str

    def __str__(self) -> str:
        return self.bootstrap

    @staticmethod
    def unique(prefix: str = "t") -> str:
        """A name that no other test uses, for topics and consumer groups."""
        return f"{prefix}-{uuid.uuid4().hex[:10]}"
