"""What is produced, in order: events, attributes, a few faults, a few repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from launcher.data.faults import faults, spread
from launcher.data.shape import DataSet

_REPEAT_SHARE = 1 / 5000
_FEWEST_REPEATS = 5
_REPEAT_AFTER = 3


@dataclass(frozen=True)
class Replay:
    """Records in the order of production; all sequences have the same length.

    attributes[i]: the record goes to profile-attributes, else to experience-events.
    partitions[i]: None for the partition of its key. at[i]: event time, never falling, for a
    replay at the pace of the events.
    """

    keys: Sequence[bytes]
    values: Sequence[bytes | None]
    attributes: Sequence[bool]
    partitions: Sequence[int | None]
    at: NDArray[np.int64]
    events: int
    """Good events of the data set, each once."""
    people: int
    """Different people in them."""
    faults: int
    repeats: int
    last: int
    """The largest event time."""

    def __len__(self) -> int:
        return len(self.keys)
