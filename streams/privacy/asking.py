"""Control records that a person or a tool asks for, each in the partition that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from afflux.names import Identity
from afflux.outcome import Control
from afflux.shards import murmur2, partition_of
from streams.control_codec import encode_control
from streams.control_signing import SIGNATURE, sign
from streams.ports import Message
from streams.topics import EXPERIENCE_EVENTS, PROFILE_ATTRIBUTES


def asked(
    kind: str, identity: Identity, at: int, request: str, other: Identity | None = None
) -> Control:
    """A change of one identity. at: event time, ms; request: an id that names who asked."""
    return Control(kind, -1, at, at, identity, 0, other, request)


def both_ends(kind: str, a: Identity, b: Identity, at: int, request: str) -> list[Control]:
    """A link ("edge"), or its end ("unlink"), told to both of its ends at once."""
    return [asked(kind, a, at, request, b), asked(kind, b, at, request, a)]


def signed(controls: Sequence[Control], secret: bytes, partitions: int) -> list[Message]:
    """The records as they are produced; partitions: of the input topics."""
    topic = EXPERIENCE_EVENTS.name
    owners = [control.identity or Identity(b"") for control in controls]
    home = partition_of(murmur2(owners), partitions).tolist() if owners else []
    found = []
    for control, identity, partition in zip(controls, owners, home, strict=True):
        value = encode_control(replace(control, offset=-1))
        signature = sign(secret, topic, partition, identity, value)
        found.append(Message(topic, identity, value, partition, ((SIGNATURE, signature),)))
    return found


def without_attributes(
    identities: Iterable[Identity],
    partitions: int,
    topics: Sequence[str] = (PROFILE_ATTRIBUTES.name,),
) -> list[Message]:
    """Null values: the compacted topics of attributes keep nothing of these identities."""
    people = list(identities)
    home = partition_of(murmur2(people), partitions).tolist() if people else []
    return [
        Message(topic, who, None, at)
        for topic in topics
        for who, at in zip(people, home, strict=True)
    ]
