"""Memberships as they are kept between two looks at a person, one small row an identity.

    layout u64 | ask i64 | since i64 of each audience

layout names the audiences. since: event time of the last entry, ms; negative once the person has
left, 0 before the first entry. ask: time at which to look again if nothing happens, 0 never. It
may be earlier than needed, never later. An identity of which all that is zero has no row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux.audiences.membership import Memberships
from afflux.columns import I64
from afflux.names import AffluxError

Layouts = Mapping[int, Sequence[str]]
"""Audiences by layout."""

_HEAD = 2
_WIDTH = 8


class StandingError(AffluxError):
    """A row of memberships is damaged, or of a layout that nobody knows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of n identities in a audiences."""

    since: I64
    """(n, a)."""
    ask: I64
    """(n,)."""
    gone: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Row -> audiences that it was in and that are no more."""
    old: Sequence[int] = ()
    """Rows of another layout: they are written anew."""

    @property
    def memberships(self) -> Memberships:
        """Who is in, and since when."""
        return Memberships(self.since > 0, np.abs(self.since))


def layout_of(names: Sequence[str]) -> int:
    """Of rows that hold these audiences in this order.

    >>> layout_of(["a", "b"]) == layout_of(("a", "b")) != layout_of(["b", "a"])
    True
    """
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def none(n: int, audiences: int) -> Standing:
    """Of identities that were never in any."""
    return Standing(np.zeros((n, audiences), np.int64), np.zeros(n, np.int64))


def encode(standing: Standing, layout: int) -> list[bytes]:
    """The stored form of each row, b"" where there is nothing to keep."""
    n, audiences = standing.since.shape
    table = np.empty((n, _HEAD + audiences), "<i8")
    table[:, 0] = np.array([layout], np.uint64).view(np.int64)
    table[:, 1] = standing.ask
    table[:, _HEAD:] = standing.since
    data, size = table.tobytes(), table.shape[1] * _WIDTH
    kept = ((standing.ask != 0) | standing.since.any(axis=1)).tolist()
    return [data[i * size : (i + 1) * size] if keep else b"" for i, keep in enumerate(kept)]


def decode(values: Sequence[bytes | None], names: Sequence[str], layouts: Layouts) -> Standing:
    """Rows of any layout as rows of `names`. Raises StandingError.

    >>> row = encode(Standing(np.array([[5, -7]]), np.array([9])), layout_of(["a", "b"]))
    >>> found = decode([*row, None], ["b", "c"], {layout_of(["a", "b"]): ["a", "b"]})
    >>> found.since.tolist(), found.ask.tolist(), found.gone
    ([[-7, 0], [0, 0]], [9, 0], {0: ['a']})
    """
    found = none(len(values), len(names))
    layout, width = layout_of(names), _HEAD + len(names)
    here = [i for i, v in enumerate(values) if v]
    mine = [v for v in values if v]
    if not here:
        return found
    data = b"".join(mine)
    if len(data) == len(mine) * width * _WIDTH:
        table = np.frombuffer(data, "<i8").reshape(len(mine), width)
        if (table[:, 0].view(np.uint64) == layout).all():
            found.ask[here] = table[:, 1]
            found.since[here] = table[:, _HEAD:]
            return found
    place = {name: a for a, name in enumerate(names)}
    gone: dict[int, Sequence[str]] = {}
    head = layout.to_bytes(8, "little")
    old = [i for i, value in zip(here, mine, strict=True) if value[:8] != head]
    for i, value in zip(here, mine, strict=True):
        found.ask[i], since = read(value, layouts)
        for name, at in since.items():
            if name in place:
                found.since[i, place[name]] = at
        left = [name for name, at in since.items() if at > 0 and name not in place]
        if left:
            gone[i] = left
    return Standing(found.since, found.ask, gone, old)


def read(value: bytes, layouts: Layouts) -> tuple[int, dict[str, int]]:
    """When to ask again, and since of every audience that is not 0. Raises StandingError."""
    layout = int.from_bytes(value[:8], "little")
    if layout not in layouts:
        raise StandingError(f"memberships of layout {layout:016x}, which no definition names")
    names = layouts[layout]
    if len(value) != (_HEAD + len(names)) * _WIDTH:
        raise StandingError(f"memberships of {len(value)} bytes do not fit {len(names)} audiences")
    _, ask, *since = np.frombuffer(value, "<i8").tolist()
    return ask, {name: at for name, at in zip(names, since, strict=True) if at}
