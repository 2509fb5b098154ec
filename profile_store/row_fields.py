"""Fields of single stored rows as plain Python values.

NumPy is made for columns: of one row it takes a microsecond a field or more, `struct` a tenth.
"""

from __future__ import annotations

from functools import cache
from math import prod
from struct import Struct
from typing import Any

import numpy as np

_CODES = {
    "|u1": "B", "|i1": "b", "|b1": "?", "<u2": "H", "<i2": "h", "<u4": "I", "<i4": "i",
    "<u8": "Q", "<i8": "q", "<f2": "e", "<f4": "f", "<f8": "d",
}  # fmt: skip


class RowFields:
    """Reads fields of rows of one dtype.

    >>> fields = RowFields(np.dtype([("a", "<i4"), ("b", "<f4", (2, 2))]))
    >>> row = np.array([(7, [[1, 2], [3, 4]])], fields.dtype).tobytes()
    >>> fields.one("a", row), fields.flat("b", row), "c" in fields
    (7, (1.0, 2.0, 3.0, 4.0), False)
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        self.size = dtype.itemsize
        self._fields = {name: _reader(dtype, name) for name in dtype.names or ()}
        self._bits = {
            name: (at, Struct("<" + packed.format[1:].replace("e", "H")))
            for name, (at, packed) in self._fields.items()
        }

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def flat(self, name: str, row: bytes) -> tuple[Any, ...]:
        """All values of a field, in C order. Raises struct.error for a row that is too short."""
        at, packed = self._fields[name]
        return packed.unpack_from(row, at)

    def bits(self, name: str, row: bytes) -> tuple[int, ...]:
        """The same of float16 values, as the 16 bits of each."""
        at, packed = self._bits[name]
        return packed.unpack_from(row, at)

    def one(self, name: str, row: bytes) -> Any:
        """The value of a field that has one."""
        return self.flat(name, row)[0]


def _reader(dtype: np.dtype[np.void], name: str) -> tuple[int, Struct]:
    assert dtype.fields is not None
    kind, at = dtype.fields[name][:2]
    return at, _packed(prod(kind.shape), _CODES[kind.base.str])


@cache
def _packed(count: int, code: str) -> Struct:
    return Struct(f"<{count}{code}")
