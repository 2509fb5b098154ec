"""The form of snapshots as bytes: JSON headers and raw little-endian arrays, nothing to unpickle.

    8 bytes   AFFLUXM and a zero byte
    u32       format version
    u32       size of the front
    32 bytes  SHA-256 of the rest
    front     what scorers need
    rest      what only a learner needs, forty times as much

Front and rest have one form:

    u32       size of the header
    header    JSON: {"facts": ..., "arrays": [[name, dtype, shape], ...]}
    arrays    one after the other, C order

The version of a snapshot is the first 8 bytes of the SHA-256 of all before the rest; so whoever
reads the front alone can still tell whether it is what the version names.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Arrays, ModelError

MAGIC = b"AFFLUXM\0"
FORMAT = 4

FRONT = 16_384
"""Bytes from the start of a snapshot in which its front usually lies."""

_HEAD = struct.Struct("<8sII32s")
_SIZE = struct.Struct("<I")
_DTYPES = ("<f8", "<f4", "<f2", "<i8")


class SnapshotError(ModelError):
    """Bytes that are no snapshot of ours, or one that this program cannot use."""


class Cut(SnapshotError):
    """The bytes end before the front does."""


def seal(
    facts: Mapping[str, Any],
    arrays: Arrays,
    memory: Arrays | None = None,
    remembered: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes; the same for the same content, whatever the order of the names.

    memory, remembered: arrays and facts of the rest, under other names than those of the front.
    """
    front, rest = _part(facts, arrays), _part(remembered or {}, memory or {})
    digest = hashlib.sha256(rest).digest()
    return b"".join([_HEAD.pack(MAGIC, FORMAT, len(front), digest), front, rest])


def open_sealed(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """All facts and arrays (read-only views). Raises SnapshotError."""
    end, digest = _head(data)
    if len(data) < end or hashlib.sha256(data[end:]).digest() != digest:
        raise SnapshotError(
            f"a snapshot of {len(data)} bytes is not as it was sealed: it is damaged, or somebody "
            "has changed it"
        )
    facts, arrays = _open(data, _HEAD.size, end)
    remembered, memory = _open(data, end, len(data))
    return {**facts, **remembered}, {**arrays, **memory}


def open_front(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Facts and arrays of the front; the rest may be missing. Raises SnapshotError, Cut."""
    return _open(data, _HEAD.size, _end_of_front(data))


def version_of(data: bytes) -> int:
    """First 8 bytes of the hash of the front, which has the rest's, as a number.

    Raises SnapshotError, Cut.
    """
    front = data[: _end_of_front(data)]
    return int.from_bytes(hashlib.sha256(front).digest()[:8], "big")


def version_name(version: int) -> str:
    """A version as it is shown and stored.

    >>> version_name(255)
    '00000000000000ff'
    """
    return f"{version:016x}"


def _head(data: bytes) -> tuple[int, bytes]:
    """Where the front ends, and the hash of the rest."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise SnapshotError(f"{len(data)} bytes are no model snapshot")
    _, form, size, digest = _HEAD.unpack_from(data)
    if form != FORMAT:
        raise SnapshotError(f"a snapshot of format {form}; this program reads format {FORMAT}")
    return _HEAD.size + size, digest


def _end_of_front(data: bytes) -> int:
    end, _ = _head(data)
    if len(data) < end:
        raise Cut(f"{len(data)} bytes of a snapshot, its front has {end}")
    return end


def _part(facts: Mapping[str, Any], arrays: Arrays) -> bytes:
    named = [(name, _plain(arrays[name])) for name in sorted(arrays)]
    header = {"facts": facts, "arrays": [[n, a.dtype.str, a.shape] for n, a in named]}
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return b"".join([_SIZE.pack(len(text)), text, *(array.tobytes() for _, array in named)])


def _open(data: bytes, at: int, end: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        (size,) = _SIZE.unpack_from(data, at)
        start = at + _SIZE.size
        header = json.loads(data[start : start + size])
        return header["facts"], _arrays(data, start + size, end, header["arrays"])
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise SnapshotError(f"a snapshot of {len(data)} bytes is damaged: {error}") from None


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    if plain.dtype.str not in _DTYPES:
        raise SnapshotError(f"snapshots have no arrays of {array.dtype}")
    return plain


def _arrays(data: bytes, at: int, end: int, listed: list[Any]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape in listed:
        if dtype not in _DTYPES or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"array {name} is a {dtype} of {shape}")
        array = np.frombuffer(data, dtype, math.prod(shape), at).reshape(shape)
        arrays[name] = array
        at += array.nbytes
    if at != end:
        raise ValueError(f"{end - at} bytes are left over")
    return arrays
