"""Labelled training examples as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I32, I64, U8, U64
from afflux.names import Identity, ModelName

LABEL_UNCERTAIN = 1
"""Bit of `flags`: the person has linked identities, so the label is a best guess."""

EARLY = 2
"""Bit of `flags`: not what came of it, but what is learned before (`ModelSpec.early`)."""

ExampleKey = tuple[int, bytes, str]
"""(deadline, identity, model): ascends within a shard."""


@dataclass(frozen=True, slots=True)
class ExampleColumns:
    """`n` closed examples, and early ones, in the order of their topic partition."""

    shard: I32
    deadline: I64
    """ms; with identity and model this orders and identifies the examples of a shard."""
    identities: Sequence[Identity]
    models: Sequence[ModelName]
    open_ts: I64
    """Event time of the opening, ms: when the vector and the served value are of."""
    open_offset: I64
    vector: NDArray[np.float16]
    """(n, features) as they were scored."""
    served: NDArray[np.float32]
    """Value that was served at the opening."""
    version: U64
    """Of the snapshot that served it."""
    label: F64
    flags: U8
    seen: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    """Of early ones: W before the record that made it. Empty where there are none."""
    source: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    """Of early ones: the offset of that record, the opening or what happened."""

    def __len__(self) -> int:
        return len(self.shard)

    def key(self, i: int) -> ExampleKey:
        """What orders example i within its shard."""
        return int(self.deadline[i]), self.identities[i], self.models[i]

    def early_key(self, i: int) -> tuple[int, int, int]:
        """What orders early example i among those of its model and shard.

        W goes on where a topic is made anew and its offsets begin again.
        """
        return int(self.seen[i]), int(self.source[i]), int(self.open_offset[i])
