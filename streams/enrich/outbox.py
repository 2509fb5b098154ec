"""The outbox of a shard: what its last commit still has to announce.

It is written by the same script as the rows, so whoever owns the shard next can announce what
its predecessor committed and did not get acknowledged. Owners are named only: their scores are
read again from the store. Examples and derived control records are kept whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from afflux.names import AffluxError, Identity

_FORMAT = 1
_HEAD = struct.Struct("<B4I")
_SIZE = struct.Struct("<I")


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
        parts = [_HEAD.pack(_FORMAT, *counts)]
        for field in fields:
            parts += (_SIZE.pack(len(field)), field)
        return b"".join(parts)

    @staticmethod
    def decode(data: bytes) -> Outbox:
        """The outbox from its stored form. Raises OutboxError when it is damaged."""
        if not data:
            return Outbox()
        try:
            form, owners, retracted, examples, controls = _HEAD.unpack_from(data)
            fields = _fields(data)
            if form != _FORMAT:
                raise OutboxError(f"outbox format {form}; this version reads {_FORMAT}")
            box = Outbox(
                [Identity(next(fields)) for _ in range(owners)],
                [Identity(next(fields)) for _ in range(retracted)],
                [(next(fields), next(fields)) for _ in range(examples)],
                [(Identity(next(fields)), next(fields)) for _ in range(controls)],
            )
        except (struct.error, StopIteration, RuntimeError) as error:
            raise OutboxError(f"outbox of {len(data)} bytes is damaged") from error
        return box


def _fields(data: bytes) -> Iterator[bytes]:
    at = _HEAD.size
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        if at + size > len(data):
            raise OutboxError(f"outbox of {len(data)} bytes is cut short")
        yield data[at : at + size]
        at += size
