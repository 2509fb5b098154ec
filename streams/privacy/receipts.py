"""Receipts of deletes: where the records of a request lie, signed, and nobody's name.

A receipt needs no storage: it says which shards have to be past which offsets, and the positions
in the store say whether they are.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afflux.names import AffluxError, Identity
from afflux.position import Position
from afflux.shards import murmur2, partition_of, shard_of
from profile_store.standing import Standing
from streams.enrich.outbox import Outbox
from streams.ports import TP
from streams.topics import INPUT_TOPICS

_HEAD = struct.Struct("<BqH")  # form, time of the request, places
_PLACE = struct.Struct("<BHq")  # input topic, shard, offset
_FORM = 1
_TAG = 16
_CONTEXT = b"afflux receipt\0"


_NUMBERS = {topic.name: number for number, topic in enumerate(INPUT_TOPICS)}


class ReceiptError(AffluxError):
    """A text that is no receipt of this installation."""


@dataclass(frozen=True, slots=True)
class Place:
    """A shard has folded the request once its position in the topic is `end` or more."""

    topic: int
    """Its number in positions."""
    shard: int
    end: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was asked, and where it lies. at: event time of the delete, ms since the epoch.

    >>> receipt = Receipt(1_700_000_000_000, (Place(0, 7, 42),))
    >>> Receipt.decode(receipt.encode(b"secret"), b"secret") == receipt
    True
    """

    at: int
    places: tuple[Place, ...]

    @staticmethod
    def of(
        at: int,
        identities: Sequence[Identity],
        ends: Mapping[TP, int],
        shards: int,
        partitions: int,
        numbers: Mapping[str, int] = _NUMBERS,
    ) -> Receipt:
        """From what the producer said: where each partition goes on after the records.

        numbers: of topics in positions.
        """
        hashes = murmur2(identities)
        homes = zip(
            shard_of(hashes, shards).tolist(),
            partition_of(hashes, partitions).tolist(),
            strict=True,
        )
        told = {topic for topic, _ in ends}
        places = {
            Place(index, shard, ends[topic, partition])
            for shard, partition in homes
            for topic, index in numbers.items()
            if topic in told
        }
        return Receipt(at, tuple(sorted(places, key=lambda p: (p.topic, p.shard))))

    @property
    def shards(self) -> list[int]:
        """All shards that take part."""
        return sorted({place.shard for place in self.places})

    def encode(self, secret: bytes) -> str:
        """As it is handed out: letters, digits, - and _."""
        data = _HEAD.pack(_FORM, self.at, len(self.places))
        data += b"".join(_PLACE.pack(p.topic, p.shard, p.end) for p in self.places)
        return base64.urlsafe_b64encode(data + _tag(secret, data)).rstrip(b"=").decode()

    @staticmethod
    def decode(text: str, secret: bytes) -> Receipt:
        """The receipt of a text. Raises ReceiptError for what was not handed out here."""
        try:
            whole = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except ValueError:
            raise ReceiptError("this is no receipt") from None
        data, tag = whole[:-_TAG], whole[-_TAG:]
        if len(whole) <= _TAG or not hmac.compare_digest(tag, _tag(secret, data)):
            raise ReceiptError("this receipt is not of this installation")
        form, at, count = _HEAD.unpack_from(data)
        if form != _FORM:
            raise ReceiptError(f"receipt of form {form}; this version reads {_FORM}")
        places = tuple(
            Place(*_PLACE.unpack_from(data, _HEAD.size + i * _PLACE.size)) for i in range(count)
        )
        return Receipt(at, places)

    def is_done(self, standings: Mapping[int, Standing]) -> bool:
        """Whether every shard has folded its part, and nothing of it is left to announce."""
        positions = {
            shard: Position.decode(one.position) if one.position else None
            for shard, one in standings.items()
        }
        for place in self.places:
            position = positions.get(place.shard)
            at = None if position is None else position.at(place.topic)
            if at is None or at.offset < place.end:
                return False
        return not any(Outbox.decode(one.outbox).retracted for one in standings.values())


def _tag(secret: bytes, data: bytes) -> bytes:
    return hmac.digest(secret, _CONTEXT + data, hashlib.sha256)[:_TAG]
