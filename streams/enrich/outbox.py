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
_SIZE = 4
"""Bytes of the size of a field; the sizes of all fields come before their bytes."""


class OutboxError(AffluxError):
    """A stored outbox is damaged or of an unknown format."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What is to be announced of one commit.

    owners: rows with new scores; retracted: people who were deleted; examples: (model, encoded
    TrainingExample); controls: (identity, encoded ControlRecord).

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

    def __bool__(self) -> bool:
        return bool(self.owners or self.retracted or self.examples or self.controls)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outbox) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def encode(self) -> bytes:
        """The stored form; empty bytes when there is nothing to announce."""
        if not self:
            return b""
        fields: list[bytes] = [*self.owners, *self.retracted]
        for model, example in self.examples:
            fields += (model, example)
        for identity, control in self.controls:
            fields += (identity, control)
        counts = (len(self.owners), len(self.retracted), len(self.examples), len(self.controls))
        sizes = np.fromiter(map(len, fields), "<u4", len(fields)).tobytes()
        return b"".join((_HEAD.pack(_FORMAT, *counts), sizes, *fields))

    @staticmethod
    def decode(data: bytes) -> Outbox:
        """The outbox from its stored form. Raises OutboxError when it is damaged."""
        if not data:
            return Outbox()
        try:
            form, owners, retracted, examples, controls = _HEAD.unpack_from(data)
            if form != _FORMAT:
                raise OutboxError(f"outbox format {form}; this version reads {_FORMAT}")
            fields = iter(_fields(data, owners + retracted + 2 * (examples + controls)))
            box = Outbox(
                [Identity(next(fields)) for _ in range(owners)],
                [Identity(next(fields)) for _ in range(retracted)],
                [(next(fields), next(fields)) for _ in range(examples)],
                [(Identity(next(fields)), next(fields)) for _ in range(controls)],
            )
        except (struct.error, StopIteration, RuntimeError, ValueError) as error:
            raise OutboxError(f"outbox of {len(data)} bytes is damaged") from error
        return box


def _fields(data: bytes, count: int) -> list[bytes]:
    """ValueError where the sizes are cut short."""
    sizes = np.frombuffer(data, "<u4", count, _HEAD.size)
    start = _HEAD.size + _SIZE * count
    ends = (start + np.cumsum(sizes, dtype=np.int64)).tolist()
    if (ends[-1] if ends else start) != len(data):
        raise OutboxError(f"outbox of {len(data)} bytes is cut short")
    return [data[a:b] for a, b in pairwise([start, *ends])]
