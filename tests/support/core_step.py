"""People whose events are fed to the step one by one or together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from afflux.columns import Kind
from afflux.limits import Silence, StepSettings
from afflux.names import Identity
from afflux.oracle.interests import Mention
from afflux.oracle.records import Event, Record
from afflux.outcome import Control, StepOutcome
from afflux.shards import murmur2
from core_cases import CATALOG, id_hash, linear_scorer
from core_replay import Replay

SETTINGS = StepSettings(shards=8, silence=Silence(0))
T0 = 1_483_228_800_000
HOUR, DAY = 3_600_000, 86_400_000
ANNA, BEN = Identity(b"crm:anna"), Identity(b"crm:ben")


def hash_of(identity: Identity) -> int:
    """Kafka's murmur2."""
    return int(murmur2([identity])[0])


def shard(identity: Identity) -> int:
    """Shard of these tests."""
    return hash_of(identity) % SETTINGS.shards


def event(
    offset: int,
    timestamp: int,
    who: Identity = ANNA,
    kind: Kind = Kind.PURCHASE,
    amount: float = 10.0,
    quantity: float = 1.0,
    event_id: str = "",
    links: Sequence[Identity] = (),
    mentions: Sequence[Mention] = (),
    event_type: str = "",
) -> Event:
    """An event that is on time."""
    name = event_id or f"e{offset}"
    return Event(
        offset, timestamp, timestamp, who, hash_of(who), name, id_hash(name), kind, amount,
        quantity, tuple(links), tuple(mentions), event_type,
    )  # fmt: skip


def control(
    kind: str,
    offset: int,
    timestamp: int,
    who: Identity | None = ANNA,
    other: Identity | None = None,
    origin: tuple[int, int, int] | None = None,
) -> Control:
    """A control record that is on time."""
    hashed = 0 if who is None else hash_of(who)
    return Control(kind, offset, timestamp, timestamp, who, hashed, other, f"c{offset}", origin)


def replay() -> Replay:
    """An empty store."""
    return Replay(CATALOG, linear_scorer(), SETTINGS)


def feed(replay: Replay, records: Sequence[Record]) -> StepOutcome:
    """All the records in one batch; the outcome of its (last) step."""
    replay.advance(records, records[0].offset, records[-1].offset + 1)
    return replay.outcomes[-1]


class Person:
    """One person, one event a batch."""

    def __init__(self) -> None:
        self._replay, self._offset = replay(), 0

    def see(self, ts: int, kind: Kind, amount: float = 0.0, quantity: float = 0.0) -> None:
        """Fold one event."""
        feed(self._replay, [event(self._offset, ts, ANNA, kind, amount, quantity)])
        self._offset += 1

    @property
    def fragment(self) -> NDArray[Any]:
        """The row, alone in its array."""
        return CATALOG.decode_fragments([self._replay.fragments.get(ANNA)])
