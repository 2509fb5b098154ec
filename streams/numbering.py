"""The header that says which source a record is of, and as what number: 28 bytes, big-endian.

    16  the source: a hash of its content
     4  its partition, 0 where it has only one
     8  the number of the record, ascending in (source, partition)

Whoever writes it promises to send the records of a source in the order of their numbers, to the
partitions of their keys; then a shard folds each of them once (`afflux/sources.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from afflux.numbered import Numbered
from streams.records import RecordBatch

HEADER = "afflux-source"
_PARTS = struct.Struct(">16sIQ")
_NAME = struct.Struct(">16sI")
_FORM = np.dtype([("name", "V20"), ("number", ">u8")])


def number_header(source: bytes, partition: int, number: int) -> tuple[str, bytes]:
    """The header of a record.

    >>> read_number([number_header(b"s" * 16, 3, 42)])
    (b'ssssssssssssssss', 3, 42)
    """
    return HEADER, _PARTS.pack(source, partition, number)


def read_number(headers: Iterable[tuple[str, bytes]]) -> tuple[bytes, int, int] | None:
    """(source, partition, number) of one record, None where it has none that can be read."""
    for name, value in headers:
        if name == HEADER and len(value) == _PARTS.size:
            source, partition, number = _PARTS.unpack(value)
            return source, partition, number
    return None


def numbered(records: RecordBatch) -> Numbered | None:
    """What sources numbered in this batch; None where no record has a number, as is usual."""
    if not any(records.headers):
        return None
    rows, values = [], []
    for row, headers in enumerate(records.headers):
        for name, value in headers:
            if name == HEADER and len(value) == _PARTS.size:
                rows.append(row)
                values.append(value)
                break
    if not rows:
        return None
    read = np.frombuffer(b"".join(values), _FORM)
    names, source = np.unique(read["name"], return_inverse=True)
    return Numbered(
        records.offsets[rows],
        source.astype(np.int32),
        [_NAME.unpack(name.tobytes()) for name in names],
        read["number"].astype(np.int64),
    )
