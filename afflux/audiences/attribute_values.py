"""Stored attributes as values: most people's are those of their last event, so they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afflux.attributes import Value, stored_record
from afflux.names import Identity

Stored = tuple[Identity, bytes]
"""Whose, and the stored form of the attributes."""

MOST = 50_000
"""Records that are kept."""


class AttributeValues:
    """Reads stored attributes; what was read lately is not read again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._read: dict[bytes, tuple[int, Mapping[str, Value]]] = {}

    def one(self, data: bytes) -> Mapping[str, Value]:
        """Of a person with one identity. Raises AttributesError."""
        return self._record(data)[1]

    def of(self, stored: Sequence[Stored]) -> Mapping[str, Value]:
        """Of one person with these identities: of two values of one name the later record's.

        Raises AttributesError.
        """
        records = sorted(
            ((self._record(data), identity) for identity, data in stored),
            key=lambda found: (found[0][0], found[1]),
        )
        return {name: value for (_, values), _ in records for name, value in values.items()}

    def _record(self, data: bytes) -> tuple[int, Mapping[str, Value]]:
        found = self._read.get(data)
        if found is None:
            if len(self._read) >= self._most:
                self._read.clear()
            found = self._read[data] = stored_record(data)
        return found
