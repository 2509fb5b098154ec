"""Stored attributes as values: most people's are those of their last event, so they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afflux.attributes import Facts, Value, stored_facts
from afflux.merge_policy import Ordering, Source
from afflux.names import Dataset, Identity

Stored = tuple[Identity, Dataset, bytes]
"""Whose, of which data set, and the stored form of the attributes."""

MOST = 50_000
"""Records that are kept."""


class AttributeValues:
    """Reads stored attributes; what was read lately is not read again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._read: dict[bytes, tuple[Facts, Mapping[str, Value]]] = {}

    def one(self, data: bytes) -> Mapping[str, Value]:
        """Of a person with one identity in one data set. Raises AttributesError."""
        return self._record(data)[1]

    def of(self, stored: Sequence[Stored], ordering: Ordering, now: int) -> Mapping[str, Value]:
        """Of one person with these identities at event time `now`. Raises AttributesError."""
        if len(stored) == 1 and stored[0][1] not in ordering.ttl_ms:
            return self.one(stored[0][2])
        return ordering.merged(
            (Source(i, dataset, self._record(data)[0]) for i, dataset, data in stored), now
        )

    def _record(self, data: bytes) -> tuple[Facts, Mapping[str, Value]]:
        found = self._read.get(data)
        if found is None:
            if len(self._read) >= self._most:
                self._read.clear()
            facts = stored_facts(data)
            values = {name: value for name, (_, value) in facts.items()}
            found = self._read[data] = facts, values
        return found
