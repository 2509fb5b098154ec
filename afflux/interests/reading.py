"""What somebody is interested in at a time: rows of all linked identities, merged.

Weights of the same thing are added, identity by identity in their order, and the strongest are
kept. So the merge does not depend on the order in which the rows are given, an identity without
interests changes nothing, and the bound of `slots` holds for the sum of all bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ldexp
from typing import Any

from afflux.features.powers import POWERS
from afflux.interests.rules import DEFAULT_RULES
from afflux.interests.slots import BLOCK_BITS, FRAC_BITS
from afflux.interests.storage import decode
from afflux.limits import DAY_MS
from afflux.mentions import Subject
from afflux.names import Identity

Place = tuple[int, int, int, int]
"""Where id and name begin, and their sizes."""

_POWERS: list[float] = POWERS.tolist()
_FRACTION = (1 << FRAC_BITS) - 1
_MOST_UP = 800
"""Read long before its events a weight would overflow."""


@dataclass(frozen=True, slots=True)
class Interest:
    """A thing that somebody is interested in."""

    id: str
    name: str
    """As shown to the person; the id where no name was ever given."""
    score: int
    """0-100, relative to the strongest of its subject."""
    share: float
    """Of all interest of the person in this subject, 0-1."""
    weight: float
    """Decayed sum of the points of its mentions."""
    key: int = 0
    """Hash of its id."""


def interests_at(
    rows: Iterable[tuple[Identity, bytes | None]],
    at: int,
    kept: Sequence[int] = DEFAULT_RULES.slots,
) -> dict[Subject, list[Interest]]:
    """Strongest first, of every subject; nothing of a subject that was never mentioned.

    rows: stored forms by identity. at: ms. kept: most things of each subject. Raises RowError for
    a damaged row.
    """
    known = sorted((identity, row) for identity, row in rows if row)
    if not known:
        return {subject: [] for subject in Subject}
    merged = [_Merged() for _ in Subject]
    head, slots, texts, data = decode([row for _, row in known])
    content = data.tobytes()
    things = iter(
        zip(slots["hash"].tolist(), slots["weight"].tolist(), texts.tolist(), strict=True)
    )
    for count, base, half_life in zip(
        head["count"].tolist(), head["base"].tolist(), head["half_life"].tolist(), strict=True
    ):
        for s, of in enumerate(merged):
            divisor, up = _scale(base[s], half_life[s], at)
            for thing, weight, text in islice(things, count[s]):
                of.add(thing, ldexp(weight / divisor, up), text)
    return {s: merged[s].strongest(kept[s], content) for s in Subject}


def everything(row: bytes) -> dict[str, Any]:
    """One stored row, readable: every slot in its order, and what the row says of itself.

    weight: as it is stored, on the base of its subject: a value at `t` is
    weight * 2^(64 * base - t / half-life). Raises RowError for a damaged row.

    >>> from afflux.interests.storage import HEAD
    >>> import numpy as np
    >>> head = np.zeros(1, HEAD)
    >>> head["version"] = 1
    >>> sorted(everything(head.tobytes())["things"]) == sorted(s.name.lower() for s in Subject)
    True
    """
    head, slots, texts, data = decode([row])
    content = data.tobytes()
    things = iter(zip(slots["weight"].tolist(), texts.tolist(), strict=True))
    found: dict[str, list[dict[str, Any]]] = {}
    for subject, count in zip(Subject, head["count"][0].tolist(), strict=True):
        found[subject.name.lower()] = [
            {
                "id": _text(content[id_at : id_at + id_size]),
                "name": _text(content[name_at : name_at + name_size]),
                "weight": weight,
            }
            for weight, (id_at, name_at, id_size, name_size) in islice(things, count)
        ]
    return {
        "things": found,
        "base": head["base"][0].tolist(),
        "half_life_days": head["half_life"][0].tolist(),
        "last_offset": int(head["last_offset"][0]),
    }


def _scale(base: int, half_life: int, at: int) -> tuple[float, int]:
    """A weight divided by the first and times two to the second is its value at `at`."""
    exponent = (at << FRAC_BITS) // (half_life * DAY_MS)
    up = (base << BLOCK_BITS) - (exponent >> FRAC_BITS)
    return _POWERS[exponent & _FRACTION], min(up, _MOST_UP)


class _Merged:
    """Things of one subject."""

    def __init__(self) -> None:
        self._weights: dict[int, float] = {}
        self._texts: dict[int, Place] = {}

    def add(self, thing: int, weight: float, text: Place) -> None:
        """`text` is where id and name stand, and their sizes."""
        self._weights[thing] = self._weights.get(thing, 0.0) + weight
        if thing not in self._texts or (text[3] and not self._texts[thing][3]):
            self._texts[thing] = text

    def strongest(self, most: int, content: bytes) -> list[Interest]:
        """Those that weigh most."""
        total = sum(self._weights.values())
        order = sorted(self._weights.items(), key=lambda w: (-w[1], w[0]))
        found = []
        for thing, weight in order[:most]:
            if not weight:  # so long ago that nothing is left of it
                break
            id_at, name_at, id_size, name_size = self._texts[thing]
            id = _text(content[id_at : id_at + id_size])
            name = _text(content[name_at : name_at + name_size])
            score = round(100 * weight / order[0][1])
            found.append(Interest(id, name or id, score, weight / total, weight, thing))
        return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
