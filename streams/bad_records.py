"""Records that are no events: where each counts, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afflux.codes import Code
from afflux.limits import DAY_MS
from afflux.outcome import Rejected
from afflux.shards import murmur2
from afflux.validation import PLACEHOLDERS, Rules
from streams.avro_faults import Fault
from streams.framing import schema_id_of, writer_of
from streams.pyruhvro_guard import MAX_MESSAGE_BYTES
from streams.records import RecordBatch


@dataclass(frozen=True, slots=True)
class Limits:
    """What an installation fixes; changing it changes which records count.

    max_bytes: size of a value. skew_ms, horizon_ms: how far an event may lie after and before
    the timestamp of its Kafka record.
    """

    partitions: int
    shards: int
    max_bytes: int = 1_000_000
    max_identities: int = 20
    skew_ms: int = 300_000
    horizon_ms: int = 10 * 365 * DAY_MS
    placeholders: frozenset[str] = PLACEHOLDERS

    def __post_init__(self) -> None:
        """Refuse what cannot hold."""
        if self.partitions < 1 or self.shards % self.partitions:
            raise ValueError(f"{self.shards} shards on {self.partitions} partitions")
        if not 0 < self.max_bytes <= MAX_MESSAGE_BYTES:
            raise ValueError(f"max_bytes must be 1 to {MAX_MESSAGE_BYTES}")

    @property
    def rules(self) -> Rules:
        """The part of the limits that the core judges."""
        return Rules(self.max_identities, self.skew_ms, self.horizon_ms, self.placeholders)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no event, where it counts, and why: the content of its dead letter."""

    offset: int
    shard: int
    code: Code
    pointer: str
    """JSON pointer to the field at fault, empty for the whole record."""
    message: str
    schema_id: str
    """Writer schema: a registry id, or a fingerprint as 0x and 16 hex digits, or empty."""


class Rejections:
    """The bad records of one batch, by their place in it."""

    def __init__(self, records: RecordBatch, limits: Limits) -> None:
        self._records = records
        self._limits = limits
        self._faults: dict[int, tuple[Fault, bytes | None]] = {}

    def add(self, i: int, fault: Fault, identity: bytes | None = None) -> None:
        """Record i is bad. `identity` is its primary one, where that could be read."""
        self._faults[i] = (fault, identity)

    def found(self) -> list[BadRecord]:
        """All of them by offset."""
        if not self._faults:
            return []
        records, places = self._records, sorted(self._faults)
        found = []
        for i, shard in zip(places, self._shards(places), strict=True):
            fault, _ = self._faults[i]
            value = records.values[i]
            schema = schema_id_of(writer_of(value)) if value is not None else ""
            offset = int(records.offsets[i])
            found.append(BadRecord(offset, shard, fault.code, fault.pointer, fault.message, schema))
        return found

    def _shards(self, places: Sequence[int]) -> list[int]:
        """Shard of the identity, else of the raw key, if this partition owns it; else the first."""
        names = [self._faults[i][1] or b"" for i in places]
        keys = [self._records.keys[i] or b"" for i in places]
        partition = self._records.partition
        shards = []
        for name, key, a, b in zip(
            names, keys, murmur2(names).tolist(), murmur2(keys).tolist(), strict=True
        ):
            owned = [
                h % self._limits.shards
                for text, h in ((name, a), (key, b))
                if text and h % self._limits.partitions == partition
            ]
            shards.append(owned[0] if owned else partition)
        return shards


def mirrored(found: Sequence[BadRecord]) -> list[Rejected]:
    """The bad records as the core counts them."""
    return [Rejected(b.offset, b.shard, int(b.code)) for b in found]
