"""The rules that a decoded event must keep, over columns: a mask of codes.

`check` is the fast form: one code a row, 0 where every rule is kept. `explain` (findings.py) is
the slow form for the few that break one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.candidates import NO_TIME, Candidates, amounts, quantities
from afflux.codes import Code
from afflux.columns import I32, U8, Bool
from afflux.limits import DAY_MS

NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_ID_BYTES = 512
"""Of an identifier in its namespace, and of `_id`."""

MAX_AMOUNT = 1e15
"""Money of an event, and its quantity: beyond it float64 loses the cents."""

PLACEHOLDERS = frozenset({"null", "undefined", "none", "nil", "nan"})
"""What programs write where there is no identifier."""

_FEW = 16
"""So few values are compared faster by Python than by NumPy."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an installation may set."""

    max_identities: int = 20
    skew_ms: int = 300_000
    horizon_ms: int = 10 * 365 * DAY_MS
    placeholders: frozenset[str] = PLACEHOLDERS
    """Identifiers that stand for nobody, in lower case; looked for where texts are at hand."""


def check(events: Candidates, rules: Rules) -> U8:
    """The first broken rule of each row as a `Code`, 0 where all are kept."""
    code = np.zeros(len(events), np.uint8)
    if _surely_good(events, rules):
        return code
    for why, rows in _broken(events, rules):
        if rows.any():
            code[rows & (code == 0)] = why
    return code


def _surely_good(events: Candidates, rules: Rules) -> bool:
    """Whether a few looks at whole columns show that no row breaks a rule: the usual case.

    It may say no to a good batch, which `_broken` then finds to be good, but never yes to a bad
    one. NaN fails every comparison.
    """
    if not len(events) or not _within(events.id_length, 1, MAX_ID_BYTES):
        return False
    appended, timestamp = events.append_time, events.timestamp
    late = timestamp > appended + rules.skew_ms
    early = timestamp < appended - rules.horizon_ms
    wrong = late | early
    if np.count_nonzero(wrong) and np.count_nonzero(wrong & (appended != NO_TIME)):
        return False
    counts = np.bincount(events.identity_row, minlength=len(events))
    return (
        _within(counts, 1, rules.max_identities)
        and _within(events.identity_length, 1, MAX_ID_BYTES)
        and all(map(NAMESPACE.fullmatch, events.namespaces))
        and not any(map(_has_zero, events.text_length.values()))
        and not any(map(_has_zero, events.item_text_length.values()))
        and _is_sure_money(events)
    )


def _is_sure_money(events: Candidates) -> bool:
    """Whether all money and units together are so little that no row can have too much."""
    if np.count_nonzero(events.has_order_total) and not _within(events.order_total, 0, MAX_AMOUNT):
        return False
    if not len(events.item_row):
        return True
    limit = MAX_AMOUNT / 2 / len(events.item_row)
    return _within(events.item_total, 0, limit) and _within(events.item_quantity, 0, limit)


def _within(values: NDArray[Any], least: float, most: float) -> bool:
    """Whether all values (at least one) lie between these two; never where one is NaN."""
    if len(values) <= _FEW:
        return all(least <= value <= most for value in values.tolist())
    return bool(np.minimum.reduce(values) >= least and np.maximum.reduce(values) <= most)


def _has_zero(values: I32) -> bool:
    return bool(np.count_nonzero(values) < len(values))


def _broken(events: Candidates, rules: Rules) -> Iterator[tuple[Code, Bool]]:
    """Every rule, in the order in which they count, with the rows that break it."""
    yield Code.missing_id, events.id_length <= 0
    yield Code.too_large, events.id_length > MAX_ID_BYTES
    timed = events.append_time != NO_TIME
    latest = events.append_time + rules.skew_ms
    yield Code.timestamp_future, timed & (events.timestamp > latest)
    oldest = events.append_time - rules.horizon_ms
    yield Code.timestamp_horizon, timed & (events.timestamp < oldest)
    counts = np.bincount(events.identity_row, minlength=len(events))
    yield Code.missing_identity, counts == 0
    yield Code.too_many_identities, counts > rules.max_identities
    yield from _broken_texts(events)
    yield from _broken_money(events)


def _broken_texts(events: Candidates) -> Iterator[tuple[Code, Bool]]:
    items, entries, identities = (
        _Ragged(len(events), row)
        for row in (events.item_row, events.entry_row, events.identity_row)
    )
    for length in events.text_length.values():
        yield Code.empty_string, length == 0
    for length in events.item_text_length.values():
        yield from items.rows(Code.empty_string, length == 0)
    empty = np.array([not name for name in events.namespaces], np.bool_)
    yield from entries.rows(Code.empty_string, empty[events.entry_namespace])
    yield from identities.rows(Code.empty_string, events.identity_length == 0)
    wrong = np.array([not NAMESPACE.fullmatch(name) for name in events.namespaces], np.bool_)
    yield from entries.rows(Code.invalid_identity, wrong[events.entry_namespace])
    yield from identities.rows(Code.invalid_identity, events.identity_length > MAX_ID_BYTES)


def _broken_money(events: Candidates) -> Iterator[tuple[Code, Bool]]:
    order, item = events.order_total, events.item_total
    given, item_given = events.has_order_total, events.has_item_total
    items = _Ragged(len(events), events.item_row)
    yield Code.not_finite_money, given & ~np.isfinite(order)
    yield from items.rows(Code.not_finite_money, item_given & ~np.isfinite(item))
    yield Code.negative_money, given & (order < 0)
    yield from items.rows(Code.negative_money, item_given & (item < 0))
    yield from items.rows(Code.negative_quantity, events.item_quantity < 0)
    with np.errstate(over="ignore", invalid="ignore"):
        yield Code.out_of_range, amounts(events) > MAX_AMOUNT
        yield Code.out_of_range, quantities(events) > MAX_AMOUNT


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Elements that belong to rows."""

    n: int
    row: I32

    def rows(self, why: Code, broken: Bool) -> Iterator[tuple[Code, Bool]]:
        """The rows of broken elements; nothing where there is none, the usual case."""
        if broken.any():
            rows = np.zeros(self.n, np.bool_)
            rows[self.row[broken]] = True
            yield why, rows
