"""The form of snapshots as bytes: a JSON header and raw little-endian arrays, nothing to unpickle.

    8 bytes  AFFLUXM and a zero byte
    u32      format version
    u32      size of the header
    header   JSON: {"facts": ..., "arrays": [[name, dtype, shape], ...]}
    arrays   one after the other, C order

The version of a snapshot is the first 8 bytes of the SHA-256 of all this.
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
FORMAT = 3

_HEAD = struct.Struct("<8sII")
_DTYPES = ("<f8", "<f4", "<f2", "<i8")


class SnapshotError(ModelError):
    """Bytes that are no snapshot of ours, or one that this program cannot use."""


def seal(facts: Mapping[str, Any], arrays: Arrays) -> bytes:
    """The bytes; the same for the same content, whatever the order of the names."""
    named = [(name, _plain(arrays[name])) for name in sorted(arrays)]
    header = {"facts": facts, "arrays": [[n, a.dtype.str, a.shape] for n, a in named]}
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return b"".join(
        [_HEAD.pack(MAGIC, FORMAT, len(text)), text, *(array.tobytes() for _, array in named)]
    )


def open_sealed(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Facts and arrays (read-only views). Raises SnapshotError."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise SnapshotError(f"{len(data)} bytes are no model snapshot")
    _, form, size = _HEAD.unpack_from(data)
    if form != FORMAT:
        raise SnapshotError(f"a snapshot of format {form}; this program reads format {FORMAT}")
    try:
        header = json.loads(data[_HEAD.size : _HEAD.size + size])
        return header["facts"], _arrays(data, _HEAD.size + size, header["arrays"])
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"a snapshot of {len(data)} bytes is damaged: {error}") from None


def version_of(data: bytes) -> int:
    """First 8 bytes of the hash of the content, as a number."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def version_name(version: int) -> str:
    """A version as it is shown and stored.

    >>> version_name(255)
    '00000000000000ff'
    """
    return f"{version:016x}"


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    if plain.dtype.str not in _DTYPES:
        raise SnapshotError(f"snapshots have no arrays of {array.dtype}")
    return plain


def _arrays(data: bytes, at: int, listed: list[Any]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape in listed:
        if dtype not in _DTYPES or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"array {name} is a {dtype} of {shape}")
        array = np.frombuffer(data, dtype, math.prod(shape), at).reshape(shape)
        arrays[name] = array
        at += array.nbytes
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes are left over")
    return arrays
