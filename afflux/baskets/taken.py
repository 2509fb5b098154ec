"""Baskets that recommenders learn from: what was bought, and what the person held before.

Of every so many purchases one is taken, by the hash of its id: whoever folds the log takes the same
ones. What a person held is that of before the basket, however the log was cut into batches: their
mentions are folded in parts that begin with a basket.
"""

from __future__ import annotations

import numpy as np

from afflux.baskets.basketry import ABOUT, OneSubject, TakenBaskets
from afflux.columns import EventColumns, Kind
from afflux.consent import refused
from afflux.segments import running_sum
from afflux.workspace import Stretch, Workspace


def fold_interests(work: Workspace, events: EventColumns, s: Stretch, one_in: int) -> None:
    """Fold what the admitted events mention; of one purchase in `one_in` keep the basket."""
    basket = None
    if one_in:
        basket = (s.kind == Kind.PURCHASE) & (s.id_hash % np.uint64(one_in) == 0)
        may_not = refused(work)
        if may_not is not None:
            basket &= ~may_not[s.row]
        table = events.mentions.table
        about = np.zeros(len(events), np.bool_)
        about[table["event"][np.isin(table["subject"], ABOUT)]] = True
        basket &= about[s.index]
    if basket is None or not basket.any():
        work.interests.fold(events, s.index)
        return
    # A basket that its row begins with begins no part: each part costs its own rounds.
    part = running_sum((basket & ~s.start).astype(np.int64), s.start)
    for i in range(int(part.max()) + 1):
        here = part == i
        first = here & basket & (s.start if i == 0 else ~s.start)
        if first.any():
            work.baskets.parts.append(_taken(work, events, s.take(first)))
        work.interests.fold(events, s.index[here])


def _taken(work: Workspace, events: EventColumns, s: Stretch) -> TakenBaskets:
    """Baskets of distinct rows, which have not folded them yet."""
    mentions = events.mentions
    place = np.full(len(events), -1)
    place[s.index] = np.arange(len(s))
    of = place[mentions.table["event"]]
    subjects = []
    for subject in ABOUT:
        keys, weights = work.interests.held(s.row, subject, s.ts)
        there = keys > 0
        mine = ((of >= 0) & (mentions.table["subject"] == subject)).nonzero()[0]
        mine = mine[np.argsort(of[mine], kind="stable")]
        subjects.append(
            OneSubject(
                np.cumsum(there.sum(axis=1)),
                keys[there],
                weights[there],
                np.cumsum(np.bincount(of[mine], minlength=len(s))),
                mentions.table["hash"][mine],
                mentions.table["text"][mine],
            )
        )
    return TakenBaskets(s.row, s.offset, s.ts, s.before, subjects, mentions.data)
