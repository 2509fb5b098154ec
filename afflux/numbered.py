"""The numbers that sources gave their records, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import I32, I64


@dataclass(frozen=True, slots=True)
class Numbered:
    """Records of a batch that carry a number of their source.

    offset: of each record, ascending. source: index into `names`, which are (16 bytes of the
    source, its partition). number: what the source counted it as, from 0.
    """

    offset: I64
    source: I32
    names: Sequence[tuple[bytes, int]]
    number: I64

    def between(self, base: int, end: int) -> Numbered:
        """Those of the records in [base, end)."""
        first, last = np.searchsorted(self.offset, [base, end])
        return Numbered(
            self.offset[first:last], self.source[first:last], self.names, self.number[first:last]
        )
