"""The rules that a decoded event must keep, over columns: a mask of codes.

`check` is the fast form: one code a row, 0 where every rule is kept. `explain` (findings.py) is
the slow form for the few that break one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afflux.candidates import NO_TIME, Candidates, amounts, quantities
from afflux.codes import Code
from afflux.columns import I32, U8, Bool
from afflux.limits import DAY_MS

NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_ID_BYTES = 512
"""Of an identifier in its namespace, and of `_id`."""

MAX_AMOUNT = 1e15
"""Money of an event, and its quantity: beyond it float64 loses the cents."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an installation may set."""

    max_identities: int = 20
    skew_ms: int = 300_000
    horizon_ms: int = 10 * 365 * DAY_MS


def check(events: Candidates, rules: Rules) -> U8:
    """The first broken rule of each row as a `Code`, 0 where all are kept."""
    code = np.zeros(len(events), np.uint8)
    for why, rows in _broken(events, rules):
        if rows.any():
            code[rows & (code == 0)] = why
    return code


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
