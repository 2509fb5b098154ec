"""Marks: short names of what is stored of a person, the same as long as nothing of it changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from afflux.attributes import Value
from profile_store.stored import Stored

_NOTHING = b"\0\0\0\0\0"


def mark_of(person: Sequence[Stored], layout: int) -> str:
    """32 hex digits, from every byte that a profile is made of.

    person: the identities that belong together, in their order. layout: the one that workers
    write now; features are those of it.

    >>> from afflux.identity import Edges
    >>> nobody = Stored(b"crm:1", None, Edges(), None)
    >>> mark_of([nobody], 1) == mark_of([nobody], 1) != mark_of([nobody], 2)
    True
    """
    hashed = hashlib.blake2b(layout.to_bytes(8, "little"), digest_size=16)
    for stored in person:
        for part in _parts(stored):
            # With lengths: what moves from one part to the next is something else.
            hashed.update(_NOTHING if part is None else b"\1%4d" % len(part) + part)
    return hashed.hexdigest()


def reading_mark(mark: str, policy: str, attributes: Mapping[str, Value]) -> str:
    """The mark of a profile that depends on more than rows: on a policy, and on time.

    >>> reading_mark("ab", "p", {"a": 1}) == reading_mark("ab", "p", {"a": 1})
    True
    >>> reading_mark("ab", "p", {}) == reading_mark("ab", "q", {})
    False
    """
    text = json.dumps([mark, policy, sorted(attributes.items())])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fresh_mark(mark: str, now: int, versions: Sequence[str | None]) -> str:
    """The mark of a profile whose scores are made anew: at a time, by snapshots.

    >>> fresh_mark("ab", 1, ["s1"]) != fresh_mark("ab", 2, ["s1"]) != fresh_mark("ab", 2, ["s2"])
    True
    """
    text = json.dumps([mark, now, versions])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _parts(stored: Stored) -> tuple[bytes | None, ...]:
    rows = stored.fragment, stored.served, stored.interests, stored.memberships
    records = (part for dataset, data in stored.attributes for part in (dataset.encode(), data))
    return stored.identity, *rows, *records
