"""float16 values as the shortest decimal numbers that stand for them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray


def short_floats(values: NDArray[np.float16]) -> list[float]:
    """One Python float a value.

    >>> short_floats(np.array([0.1, 3.338], np.float16))
    [0.1, 3.338]
    """
    return list(map(shortest, np.ascontiguousarray(values).view(np.uint16).tolist()))


@cache  # there are 65,536 of them, and asking NumPy costs a microsecond each
def shortest(bits: int) -> float:
    """The same of the 16 bits of a value."""
    return float(str(np.uint16(bits).view(np.float16)))


def float_of_bits(bits: int) -> float:
    """The value that 16 bits are, exactly.

    >>> float_of_bits(0x3C00)
    1.0
    """
    return float(np.uint16(bits).view(np.float16))
