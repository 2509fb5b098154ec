"""The outbox of a shard: what its last commit still has to announce.

It is written by the same script as the rows, so whoever owns the shard next can announce what
its predecessor committed and did not get acknowledged. Owners are named only: their scores are
read again from the store. Examples and derived control records are kept whole.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from afflux.names import AffluxError, Identity

_FORMAT = 2
_HEAD = struct.Struct("<B4I")
_WITH_AUDIENCES = 3
_MORE = struct.Struct("<I")
"""Behind the head of this format: the number of changed memberships, in front of the others."""
_SIZE = 4
"""Bytes of the size of a field; the sizes of all fields come before their bytes."""


class OutboxError(AffluxError):
    """A stored outbox is damaged or of an unknown format."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What is to be announced of one commit.

    owners: rows with new scores; retracted: people who were deleted; examples: (model, encoded
    TrainingExample); controls: (identity, encoded ControlRecord); audiences: (identity, encoded
    AudienceUpdate, b"" for a tombstone).

    >>> box = Outbox(owners=[Identity(b"crm:1")], examples=[(b"churn", b"...")])
    >>> Outbox.decode(box.encode()) == box
    True
    >>> Outbox().encode()
    b''
    """

    owners: Sequence[Identity] = ()
    retracted: Sequence[Identity] = ()
    examples: Sequence[tuple[bytes, bytes]] = ()
    controls: Sequence[tuple[Identity, bytes]] = ()
    audiences: Sequence[tuple[Identity, bytes]] = ()

    def __bool__(self) -> bool:
        return bool(
            self.owners or self.retracted or self.examples or self.controls or self.audiences
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outbox) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def encode(self) -> bytes:
        """The stored form; empty bytes when there is nothing to announce."""
        if not self:
            return b""
        fields: list[bytes] = [part for pair in self.audiences for part in pair]
        fields += [*self.owners, *self.retracted]
        for model, example in self.examples:
            fields += (model, example)
        for identity, control in self.controls:
            fields += (identity, control)
        counts = (len(self.owners), len(self.retracted), len(self.examples), len(self.controls))
        sizes = np.fromiter(map(len, fields), "<u4", len(fields)).tobytes()
        if self.audiences:
            head = _HEAD.pack(_WITH_AUDIENCES, *counts) + _MORE.pack(len(self.audiences))
        else:
            head = _HEAD.pack(_FORMAT, *counts)
        return b"".join((head, sizes, *fields))

    @staticmethod
    def decode(data: bytes) -> Outbox:
        """The outbox from its stored form. Raises OutboxError when it is damaged."""
        if not data:
            return Outbox()
        try:
            form, owners, retracted, examples, controls = _HEAD.unpack_from(data)
            if form not in (_FORMAT, _WITH_AUDIENCES):
                raise OutboxError(f"outbox format {form}; this version reads {_FORMAT}")
            size, audiences = _HEAD.size, 0
            if form == _WITH_AUDIENCES:
                (audiences,) = _MORE.unpack_from(data, size)
                size += _MORE.size
            count = owners + retracted + 2 * (examples + controls + audiences)
            fields = iter(_fields(data, count, size))
            changed = [(Identity(next(fields)), next(fields)) for _ in range(audiences)]
            box = Outbox(
                [Identity(next(fields)) for _ in range(owners)],
                [Identity(next(fields)) for _ in range(retracted)],
                [(next(fields), next(fields)) for _ in range(examples)],
                [(Identity(next(fields)), next(fields)) for _ in range(controls)],
                changed,
            )
        except (struct.error, StopIteration, RuntimeError, ValueError) as error:
            raise OutboxError(f"outbox of {len(data)} bytes is damaged") from error
        return box


def _fields(data: bytes, count: int, head: int) -> list[bytes]:
    """ValueError where the sizes are cut short."""
    sizes = np.frombuffer(data, "<u4", count, head)
    start = head + _SIZE * count
    ends = (start + np.cumsum(sizes, dtype=np.int64)).tolist()
    if (ends[-1] if ends else start) != len(data):
        raise OutboxError(f"outbox of {len(data)} bytes is cut short")
    return [data[a:b] for a, b in pairwise([start, *ends])]
