"""A short hash tag for each of the 16,384 slots of a Redis cluster.

The table is a file so that keys never depend on the code that found it; `python -m
profile_store.hash_tags` writes it again.

>>> slot_of(tag_of_slot(12182))
12182
"""

from __future__ import annotations

import string
from binascii import crc_hqx
from functools import cache
from itertools import product
from pathlib import Path

SLOTS = 16384
TABLE = Path(__file__).with_name("hash_tags.txt")
"""Line s is the tag of slot s."""


def slot_of(tag: bytes) -> int:
    """The slot of keys with this hash tag: CRC16 (XMODEM) modulo 16,384."""
    return crc_hqx(tag, 0) % SLOTS


def tag_of_slot(slot: int) -> bytes:
    """The tag of slot 0..16383."""
    return _table()[slot]


@cache
def _table() -> tuple[bytes, ...]:
    return tuple(TABLE.read_bytes().split())


def find_tags() -> list[bytes]:
    """The first tag of each slot, shorter ones first, then in order of 0-9, a-z."""
    alphabet = (string.digits + string.ascii_lowercase).encode()
    found: dict[int, bytes] = {}
    for length in range(1, 6):
        for letters in product(alphabet, repeat=length):
            tag = bytes(letters)
            found.setdefault(slot_of(tag), tag)
            if len(found) == SLOTS:
                return [found[slot] for slot in range(SLOTS)]
    raise AssertionError("five letters reach every slot")


if __name__ == "__main__":
    TABLE.write_bytes(b"".join(tag + b"\n" for tag in find_tags()))
