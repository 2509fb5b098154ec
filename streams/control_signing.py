"""Signatures of control records: whoever may produce events must not be able to delete people."""

from __future__ import annotations

import hashlib
import hmac
import struct

SIGNATURE = "afflux-signature"
"""Kafka header that holds the signature, 32 bytes."""

_LENGTH = struct.Struct(">q")


def sign(secret: bytes, topic: str, partition: int, key: bytes | None, value: bytes) -> bytes:
    """HMAC-SHA256 over where the record lies and what it says.

    Every part goes in with its length, so no two records have the same signed bytes.
    """
    if not secret:
        raise ValueError("control records need a secret")
    parts = [_LENGTH.pack(partition)]
    for part in (topic.encode(), key, value):
        parts.append(_LENGTH.pack(-1 if part is None else len(part)))
        parts.append(part or b"")
    return hmac.digest(secret, b"".join(parts), hashlib.sha256)


def verify(
    secret: bytes, topic: str, partition: int, key: bytes | None, value: bytes, signature: bytes
) -> bool:
    """Whether `signature` is the right one; never without a secret."""
    return bool(secret) and hmac.compare_digest(
        sign(secret, topic, partition, key, value), signature
    )
