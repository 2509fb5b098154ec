"""Which schema wrote a value: the two framings, told apart by the first byte.

C3 01 + 8 bytes CRC-64-AVRO of the writer schema + message     Avro single-object encoding
00    + 4 bytes schema id, big-endian           + message      Confluent, needs a registry
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

SINGLE_OBJECT = b"\xc3\x01"
SINGLE_OBJECT_HEAD = 10
CONFLUENT = b"\x00"
CONFLUENT_HEAD = 5


def writer_of(value: bytes) -> bytes:
    """The frame of a value: everything before its message; b"" where there is none.

    >>> writer_of(bytes.fromhex("c301 0102030405060708 ff")).hex()
    'c3010102030405060708'
    >>> writer_of(bytes.fromhex("00 00000007 ff")).hex(), writer_of(b"{}")
    ('0000000007', b'')
    """
    if value[:2] == SINGLE_OBJECT and len(value) >= SINGLE_OBJECT_HEAD:
        return value[:SINGLE_OBJECT_HEAD]
    if value[:1] == CONFLUENT and len(value) >= CONFLUENT_HEAD:
        return value[:CONFLUENT_HEAD]
    return b""


def schema_id_of(frame: bytes) -> str:
    """The writer schema in words: a registry id in decimal, or a fingerprint in hex.

    >>> schema_id_of(writer_of(bytes.fromhex("00 00000007"))), schema_id_of(b"")
    ('7', '')
    """
    if frame[:1] == CONFLUENT:
        return str(int.from_bytes(frame[1:], "big"))
    return f"0x{frame[2:].hex()}" if frame else ""


def single_objects(fingerprint: bytes, messages: pa.BinaryArray) -> list[bytes]:
    """Values of messages of one schema, in the single-object framing."""
    frame = SINGLE_OBJECT + fingerprint
    return [frame + message for message in texts(messages)]


def texts(array: pa.Array) -> list[bytes]:
    """Bytes of each element of a string or binary array; b"" where null."""
    if not len(array):
        return []
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).tolist()
    content = data.to_pybytes() if data is not None else b""
    return [content[a:b] for a, b in pairwise(ends)]
