"""Why a record is not an event, in words: the rules of validation.py over one row, with the field.

It walks the same rules in the same order as `validation.check`; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afflux.candidates import NO_TIME, Candidates, amounts, quantities
from afflux.codes import Code
from afflux.validation import MAX_AMOUNT, MAX_ID_BYTES, NAMESPACE, Rules


@dataclass(frozen=True, slots=True)
class BadEvent:
    """Why a record is not an event."""

    code: Code
    pointer: str
    """JSON pointer to the field at fault, empty for the whole record."""
    message: str


def explain(events: Candidates, rules: Rules, row: int) -> BadEvent | None:
    """The first broken rule of one row, with the field at fault; None where all are kept."""
    return next(explain_all(events, rules, row), None)


def explain_all(events: Candidates, rules: Rules, row: int) -> Iterator[BadEvent]:
    """Every broken rule of one row."""
    return _findings(events, rules, row)


def _findings(events: Candidates, rules: Rules, row: int) -> Iterator[BadEvent]:
    length = int(events.id_length[row])
    if length <= 0:
        yield BadEvent(Code.missing_id, "/_id", "the event has no _id")
    if length > MAX_ID_BYTES:
        message = f"_id has {length} bytes, at most {MAX_ID_BYTES} are allowed"
        yield BadEvent(Code.too_large, "/_id", message)
    yield from _time_findings(events, rules, row)
    identities = np.flatnonzero(events.identity_row == row).tolist()
    if not identities:
        yield BadEvent(Code.missing_identity, "/identityMap", "the event names no identity")
    if len(identities) > rules.max_identities:
        message = f"{len(identities)} identities, at most {rules.max_identities} are allowed"
        yield BadEvent(Code.too_many_identities, "/identityMap", message)
    items = np.flatnonzero(events.item_row == row).tolist()
    yield from _text_findings(events, row, items)
    yield from _identity_findings(events, row, identities)
    yield from _money_findings(events, row, items)


def _time_findings(events: Candidates, rules: Rules, row: int) -> Iterator[BadEvent]:
    timestamp, appended = int(events.timestamp[row]), int(events.append_time[row])
    if appended == NO_TIME:
        return
    ahead = timestamp - appended
    if ahead > rules.skew_ms:
        message = f"{ahead} ms after the record's own timestamp; {rules.skew_ms} are allowed"
        yield BadEvent(Code.timestamp_future, "/timestamp", message)
    if -ahead > rules.horizon_ms:
        message = f"{-ahead} ms before the record's own timestamp; {rules.horizon_ms} are allowed"
        yield BadEvent(Code.timestamp_horizon, "/timestamp", message)


def _text_findings(events: Candidates, row: int, items: list[int]) -> Iterator[BadEvent]:
    message = "the text is empty; leave out what is not known"
    for pointer, length in events.text_length.items():
        if length[row] == 0:
            yield BadEvent(Code.empty_string, pointer, message)
    for name, length in events.item_text_length.items():
        for rank, k in enumerate(items):
            if length[k] == 0:
                yield BadEvent(Code.empty_string, f"/productListItems/{rank}/{name}", message)


def _identity_findings(events: Candidates, row: int, identities: list[int]) -> Iterator[BadEvent]:
    entries = np.flatnonzero(events.entry_row == row).tolist()
    names = [events.namespaces[events.entry_namespace[e]] for e in entries]
    if "" in names:
        yield BadEvent(Code.empty_string, "/identityMap/", "a namespace is empty")
    at = {k: _identity_pointer(events, k) for k in identities}
    lengths = {k: int(events.identity_length[k]) for k in identities}
    for k in identities:
        if lengths[k] == 0:
            yield BadEvent(Code.empty_string, at[k], "the identifier is empty")
    for name in names:
        if not NAMESPACE.fullmatch(name):
            message = "a namespace is a letter, then at most 63 of A-Z a-z 0-9 _ . -"
            yield BadEvent(Code.invalid_identity, f"/identityMap/{escape(name)}", message)
    for k in identities:
        if lengths[k] > MAX_ID_BYTES:
            message = f"the identifier has {lengths[k]} bytes, at most {MAX_ID_BYTES} are allowed"
            yield BadEvent(Code.invalid_identity, at[k], message)


def _money_findings(events: Candidates, row: int, items: list[int]) -> Iterator[BadEvent]:
    order = "/commerce/order/priceTotal"
    total = float(events.order_total[row]) if events.has_order_total[row] else 0.0
    prices = [float(events.item_total[k]) if events.has_item_total[k] else 0.0 for k in items]
    fields = [(order, total)]
    fields += [(f"/productListItems/{r}/priceTotal", price) for r, price in enumerate(prices)]
    for pointer, money in fields:
        if not np.isfinite(money):
            yield BadEvent(Code.not_finite_money, pointer, f"{money} is not an amount")
    for pointer, money in fields:
        if money < 0:
            yield BadEvent(Code.negative_money, pointer, f"{money} is negative")
    units = [int(events.item_quantity[k]) for k in items]
    for rank, quantity in enumerate(units):
        if quantity < 0:
            pointer = f"/productListItems/{rank}/quantity"
            yield BadEvent(Code.negative_quantity, pointer, f"{quantity} is negative")
    amount, pointer = float(amounts(events)[row]), "/productListItems"
    if amount > MAX_AMOUNT:
        at = order if events.has_order_total[row] else pointer
        yield BadEvent(Code.out_of_range, at, f"{amount:g} is more than {MAX_AMOUNT:g}")
    if quantities(events)[row] > MAX_AMOUNT:
        yield BadEvent(Code.out_of_range, pointer, f"more than {MAX_AMOUNT:g} units")


def _identity_pointer(events: Candidates, k: int) -> str:
    name = events.namespaces[int(events.namespace[k])]
    return f"/identityMap/{escape(name)}/{int(events.identity_rank[k])}/id"


def escape(key: str) -> str:
    """A key as a part of a JSON pointer.

    >>> escape("a/b~c")
    'a~1b~0c'
    """
    return key.replace("~", "~0").replace("/", "~1")
