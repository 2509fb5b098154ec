"""Commit first, then announce: what an outbox holds becomes records, and their acks are awaited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.identity import profile_id_of
from afflux.names import Identity, ProfileId
from afflux.shards import murmur2, shard_of
from streams.control_signing import SIGNATURE, sign
from streams.encoding import encode_score_updates
from streams.enrich.outbox import Outbox
from streams.ports import Delivery, Message, messages
from streams.topics import AUDIENCE_UPDATES, EXPERIENCE_EVENTS, SCORE_UPDATES, TRAINING_EXAMPLES


@lru_cache(maxsize=1 << 16)
def _profile_id(least: Identity) -> ProfileId:
    """Of the profile whose least identity this is: a hash takes longer than a look-up."""
    return profile_id_of((least,))


@dataclass(frozen=True, slots=True)
class Owners:
    """Served rows whose scores are announced, in one order."""

    identities: Sequence[Identity]
    served: NDArray[np.void]
    event_ids: Sequence[str]
    versions: Sequence[int]
    """Version of the position that each row was committed with."""
    members: Mapping[Identity, Sequence[Identity]]
    """All identities of the profile, for owners that have links."""


class Announcer:
    """Produces what outboxes hold."""

    def __init__(
        self, catalog: Catalog, delivery: Delivery, secret: bytes, partitions: int
    ) -> None:
        self._catalog = catalog
        self._delivery = delivery
        self._secret = secret
        self._partitions = partitions
        self.nobody = Owners([], catalog.new_served(0), [], [], {})
        """Where no scores are announced."""
        self.examples_end = 0
        """Offset after the last example that was acknowledged."""
        self.examples = 0
        """Examples announced."""

    async def announce(self, outboxes: Iterable[Outbox], owners: Owners) -> None:
        """Returns when every record is acknowledged."""
        others: list[Message] = []
        examples: list[Message] = []
        for box in outboxes:
            others += [Message(SCORE_UPDATES.name, i, None) for i in box.retracted]
            # Behind the tombstone, and behind all that was ever said of them to the learner.
            others += [Message(TRAINING_EXAMPLES.name, i, None) for i in box.retracted]
            others += self._controls(box.controls)
            others += [
                Message(AUDIENCE_UPDATES.name, identity, value or None)
                for identity, value in box.audiences
            ]
            if box.examples:
                examples += messages(TRAINING_EXAMPLES.name, *zip(*box.examples, strict=True))
        others += self._scores(owners)  # after the retraction of who came back in the same step
        if not others and not examples:
            return
        ends = await self._delivery.send([*examples, *others])
        self.examples += len(examples)
        self.examples_end = max(self.examples_end, ends.get((TRAINING_EXAMPLES.name, 0), 0))

    def _scores(self, owners: Owners) -> list[Message]:
        if not owners.identities:
            return []
        alone = [(i,) for i in owners.identities]
        members: Sequence[Sequence[Identity]] = alone
        if owners.members:
            members = [
                owners.members.get(i, a) for i, a in zip(owners.identities, alone, strict=True)
            ]
        values = encode_score_updates(
            self._catalog,
            owners.served,
            owners.identities,
            owners.event_ids,
            [_profile_id(min(m)) for m in members],
            members,
            owners.versions,
        )
        return messages(SCORE_UPDATES.name, owners.identities, values)

    def _controls(self, controls: Sequence[tuple[Identity, bytes]]) -> list[Message]:
        if not controls:
            return []
        partitions = shard_of(murmur2([i for i, _ in controls]), self._partitions)
        return [
            self.control(identity, value, partition)
            for (identity, value), partition in zip(controls, partitions.tolist(), strict=True)
        ]

    def control(self, identity: Identity | None, value: bytes, partition: int) -> Message:
        """A signed control record for one partition of the events."""
        topic = EXPERIENCE_EVENTS.name
        signature = sign(self._secret, topic, partition, identity, value)
        return Message(topic, identity, value, partition, ((SIGNATURE, signature),))
