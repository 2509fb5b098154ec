"""From an identity to its shard and partition, with Kafka's murmur2.

    shard = murmur2(identity) % shards        partition = shard % partitions

Laws: `shards` is a multiple of `partitions`, so a partition owns whole shards, and the partition
of a shard is where Kafka's default partitioner puts the identity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I32, U32

_M = np.uint32(0x5BD1E995)
_SEED = 0x9747B28C
_MIN_SHARDS = 64
_SHARDS_PER_PARTITION = 16


def murmur2(keys: Sequence[bytes]) -> U32:
    """Kafka's murmur2 of each key, made positive as Kafka does (31 bits).

    >>> murmur2([b"21", b"foobar", b"", b"a-little-bit-long-string"]).tolist()
    [1173551340, 1357151166, 275646681, 1161502112]
    """
    if len(keys) < _VECTOR_FROM:
        return np.array([_murmur2_of(key) for key in keys], np.uint32)
    length = np.fromiter(map(len, keys), np.int64, len(keys))
    hashes = np.empty(len(keys), np.uint32)
    for whole in np.unique(length >> 2).tolist():
        rows = np.flatnonzero((length >> 2) == whole)
        hashes[rows] = _murmur2_rows([keys[i] for i in rows.tolist()], length[rows], whole)
    return hashes


def shards_for(partitions: int) -> int:
    """Shards of an installation: 16 a partition, at least 64, a multiple of the partitions.

    >>> [shards_for(n) for n in (1, 3, 4, 7, 32)]
    [64, 66, 64, 112, 512]
    """
    if partitions < 1:
        raise ValueError(f"{partitions} partitions; there must be at least one")
    wanted = max(_MIN_SHARDS, _SHARDS_PER_PARTITION * partitions)
    return -(-wanted // partitions) * partitions


def shard_of(hashes: U32, shards: int) -> I32:
    """Shard of each murmur2."""
    return (hashes % np.uint32(shards)).astype(np.int32)


def partition_of(hashes: U32, partitions: int) -> I32:
    """Partition of each murmur2, as Kafka's default partitioner chooses it."""
    return (hashes % np.uint32(partitions)).astype(np.int32)


_VECTOR_FROM = 8
"""Below so many keys the scalar code is faster."""


def _murmur2_rows(keys: Sequence[bytes], length: NDArray[np.int64], whole: int) -> U32:
    """Hashes of keys that all have `whole` complete words of 4 bytes."""
    width = 4 * (whole + 1)
    data = np.frombuffer(b"".join([key.ljust(width, b"\0") for key in keys]), "<u4")
    words = data.reshape(len(keys), whole + 1).T
    h = np.uint32(_SEED) ^ length.astype(np.uint32)
    for k in words[:whole]:
        k = k * _M
        k ^= k >> np.uint32(24)
        h = (h * _M) ^ (k * _M)
    rest = (length & 3) > 0
    h = np.where(rest, (h ^ words[whole]) * _M, h)
    h ^= h >> np.uint32(13)
    h *= _M
    h ^= h >> np.uint32(15)
    return h & np.uint32(0x7FFFFFFF)


def _murmur2_of(key: bytes) -> int:
    m, mask, n = int(_M), 0xFFFFFFFF, len(key)
    h = _SEED ^ n
    for i in range(0, n & ~3, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if n & 3:
        h = (h ^ int.from_bytes(key[n & ~3 :], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF
