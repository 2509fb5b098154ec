"""Identities fall into shards and partitions where Kafka's Java client puts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.shards import murmur2, partition_of, shard_of, shards_for

# From Kafka's own UtilsTest, sign bit cleared as its partitioner does.
OF_KAFKA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), OF_KAFKA.items())
def test_hash_is_kafkas(key: bytes, expected: int) -> None:
    """The values that Kafka tests its own murmur2 with."""
    assert murmur2([key]).tolist() == [expected & 0x7FFFFFFF]


@given(st.lists(st.binary(max_size=40), min_size=8, max_size=40))
def test_many_at_once_are_as_one_by_one(keys: list[bytes]) -> None:
    """Short lists take the scalar way, long ones the columns: both give the same."""
    assert murmur2(keys).tolist() == [int(murmur2([key])[0]) for key in keys]


@given(st.integers(1, 400))
def test_a_partition_owns_whole_shards(partitions: int) -> None:
    """At least 16 shards a partition and 64 in all, and no shard is in two partitions."""
    shards = shards_for(partitions)
    assert shards >= max(64, 16 * partitions)
    assert shards % partitions == 0
    hashes = np.arange(0, 2**31 - 1, 7_654_321, dtype=np.uint32)
    by_shard = shard_of(hashes, shards) % partitions
    assert (by_shard == partition_of(hashes, partitions)).all()


def test_no_partitions_is_an_error() -> None:
    """Zero partitions cannot own anything."""
    with pytest.raises(ValueError, match="at least one"):
        shards_for(0)
