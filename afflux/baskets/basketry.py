"""Baskets that a step has taken for recommenders, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, U8, U64
from afflux.mentions import Subject
from afflux.names import Identity

ABOUT = (Subject.CATEGORY, Subject.PRODUCT)


@dataclass(frozen=True, slots=True)
class OneSubject:
    """Of k baskets what was held of a subject, and bought; ragged: `ends[b]` ends basket b."""

    held_ends: I64
    held: U64
    weights: F64
    """Decayed points at the time of the basket."""
    bought_ends: I64
    bought: U64
    text: NDArray[np.void]
    """dtype `TEXT`, of what was bought, in `data` of the baskets."""


@dataclass(frozen=True, slots=True)
class TakenBaskets:
    """k baskets of one step, by (shard, offset)."""

    row: I64
    offset: I64
    timestamp: I64
    seen: I64
    """W before the record; with the offset it orders the baskets of a shard."""
    subjects: Sequence[OneSubject]
    """In the order of `ABOUT`."""
    data: U8

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class ItemsOfExamples:
    """As `OneSubject`, with texts."""

    held_ends: I64
    held: U64
    weights: F64
    bought_ends: I64
    bought: U64
    ids: Sequence[str]
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class BasketExamples:
    """n baskets as learners read them, in the order of their log."""

    shard: I64
    seen: I64
    offset: I64
    timestamp: I64
    identities: Sequence[Identity]
    subjects: Sequence[ItemsOfExamples]
    """In the order of `ABOUT`."""

    def __len__(self) -> int:
        return len(self.shard)


@dataclass(slots=True)
class Basketry:
    """What a step has taken so far."""

    parts: list[TakenBaskets] = field(default_factory=list)

    def taken(self, shard: NDArray[np.int32]) -> TakenBaskets | None:
        """All of them in order; None where there are none. shard: of each row."""
        if not self.parts:
            return None
        whole = self.parts[0] if len(self.parts) == 1 else _joined(self.parts)
        return _ordered(whole, np.lexsort((whole.offset, shard[whole.row])))


def _joined(parts: Sequence[TakenBaskets]) -> TakenBaskets:
    """All parts are of the same batch, so their texts stand in the same data."""
    subjects = []
    for each in zip(*(p.subjects for p in parts), strict=True):
        subjects.append(
            OneSubject(
                _ends([o.held_ends for o in each]),
                np.concatenate([o.held for o in each]),
                np.concatenate([o.weights for o in each]),
                _ends([o.bought_ends for o in each]),
                np.concatenate([o.bought for o in each]),
                np.concatenate([o.text for o in each]),
            )
        )
    row, offset, ts, seen = (
        np.concatenate([getattr(p, name) for p in parts])
        for name in ("row", "offset", "timestamp", "seen")
    )
    return TakenBaskets(row, offset, ts, seen, subjects, parts[0].data)


def _ends(parts: Sequence[I64]) -> I64:
    return np.cumsum(np.concatenate([np.diff(ends, prepend=0) for ends in parts]))


def _ordered(baskets: TakenBaskets, order: I64) -> TakenBaskets:
    if (order == np.arange(len(order))).all():
        return baskets
    subjects = []
    for one in baskets.subjects:
        held, held_ends = _ragged(one.held_ends, order)
        bought, bought_ends = _ragged(one.bought_ends, order)
        subjects.append(
            OneSubject(
                held_ends, one.held[held], one.weights[held], bought_ends, one.bought[bought],
                one.text[bought],
            )
        )  # fmt: skip
    return TakenBaskets(
        baskets.row[order], baskets.offset[order], baskets.timestamp[order], baskets.seen[order],
        subjects, baskets.data,
    )  # fmt: skip


def _ragged(ends: I64, order: I64) -> tuple[I64, I64]:
    """Elements of ragged rows in another order of the rows, and where each ends then."""
    size = np.diff(ends, prepend=0)
    starts, sizes = (ends - size)[order], size[order]
    after = np.cumsum(sizes)
    return np.arange(int(sizes.sum())) + np.repeat(starts - (after - sizes), sizes), after
