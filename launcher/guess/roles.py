"""Which column could be what: by its name, and by what its values are like.

A score is between 0 and 1: a name that says it outright is 0.6, values that are as they should be
add up to 0.4, values that cannot be meant make it 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from launcher.guess.traits import Traits

NAMED, LIKE = 0.6, 0.35
"""A name that says it outright, and one that could."""

_SUREST = 0.97

_WORDS: Mapping[str, tuple[str, str]] = {
    "identity": (
        r"(customer|client|user|household|member|person|visitor|shopper|subscriber|contact|account"
        r"|crm|profile)_?(id|no|num|number|key|code)?|customer_unique_id|email|e_mail|who",
        r"customer|client|user|household|member|person|visitor|loyalty|email|cookie|buyer|guest",
    ),
    "time": (
        r"(event|order|invoice|purchase|transaction)?_?(time|date|timestamp|datetime)(_?utc)?"
        r"|at|ts|when|(created|occurred|ordered|purchased)_at",
        r"time|date|_at$|day|when|stamp",
    ),
    "event": (r"event|event_?(type|name)|action|activity|kind|verb|interaction", r"type|event"),
    "transaction": (
        r"(order|basket|invoice|transaction|receipt|cart|bill|ticket)_?(id|no|num|number|key)?",
        r"order|basket|invoice|transaction|receipt|ticket",
    ),
    "id": (r"_?id|event(_?id)?|message_?id|row_?id|uuid|guid", r"event.*id|uuid"),
    "amount": (
        r"(total_?|order_?|sales_?|line_?)?(amount|total|revenue|value|price|spend|sales)"
        r"|price_?total|(unit|item)_?price|paid|gmv|net|gross|turnover",
        r"amount|price|revenue|total|value|spend|sales|paid|cost",
    ),
    "quantity": (r"(order_?)?(quantity|qty|units|pieces|count)", r"quantity|qty|units|number_of"),
    "items.category": (
        r"(product_?|item_?)?(category|department|commodity|section)(_?name|_?id)?",
        r"categor|department|family|class|genre",
    ),
    "items.product": (
        r"(product|item|article|sku|stock)_?(id|code|no|number|sku)?|sku|upc|ean|asin|material",
        r"product|item|article|sku|upc",
    ),
    "campaign.name": (r"(utm_)?campaign(_?name|_?id)?", r"campaign"),
    "campaign.group": (r"utm_(medium|source)|channel|campaign_?(type|group)", r"medium|channel"),
    "campaign.code": (r"tracking_?code|utm_(content|term)|(ref|referral)_?code", r"tracking"),
    "campaign.coupon": (r"(coupon|promo|promotion|voucher|discount)_?(code|id|upc)?",
                        r"coupon|promo|voucher"),
}  # fmt: skip
EACH = re.compile(r"unit_?price|item_?price|price_?(each|per)|^price$", re.I)
"""Names of a price of one unit."""


@dataclass(frozen=True)
class Guess:
    """A column for a role. confidence: 0 to 1. why: in words."""

    role: str
    column: str
    confidence: float
    why: str


def snake(name: str) -> str:
    """A name in lower case, words parted by underscores.

    >>> snake("InvoiceNo"), snake("Customer ID"), snake("order.id"), snake("userID")
    ('invoice_no', 'customer_id', 'order_id', 'user_id')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9_]+", "_", parted.lower()).strip("_") if parted != "_id" else "_id"


def guesses(role: str, columns: Sequence[Traits]) -> list[Guess]:
    """Columns that could have this role, the likeliest first."""
    found = []
    for one in columns:
        named, words = _by_name(role, one.column.name)
        values = _VALUES[role](one)
        if values is None or (not named and role not in _BY_VALUES_ALONE):
            continue
        score, what = values
        why = f"{words}, {what}" if words else what
        found.append(Guess(role, one.column.name, round(min(_SUREST, named + score), 2), why))
    return sorted(found, key=lambda g: -g.confidence)


_BY_VALUES_ALONE = {"time"}


def _by_name(role: str, name: str) -> tuple[float, str]:
    outright, like = _WORDS[role]
    plain = snake(name)
    last = plain.rsplit(".", 1)[-1]
    if re.fullmatch(outright, last):
        return NAMED, "its name says so"
    return (LIKE, "its name could mean it") if re.search(like, last) else (0.0, "")


Values = tuple[float, str] | None
"""What the values add, and what they are like; None where they cannot be meant."""


def _identity(t: Traits) -> Values:
    if t.column.kind == "list" or t.fractions or t.distinct < 2:
        return None
    if t.times is not None and not t.is_number:
        return None
    people = f"{t.distinct:,} different ones, {t.repeats:.1f} rows each"
    score = 0.4 if t.repeats > 1.05 else 0.2
    return (score if t.filled > 0.98 else score / 2), people + _filled(t)


def _time(t: Traits) -> Values:
    if t.times is None or t.filled < 0.5:
        return None
    if t.times.problem:
        return 0.1, t.times.problem
    forms = " or ".join(t.times.formats)
    if t.is_number and t.times.formats[0].startswith("epoch") and t.column.kind != "time":
        return 0.25 * t.times.share, f"values could be {forms}"
    return 0.4 * t.times.share, f"values are times ({forms})" + _filled(t)


def _event(t: Traits) -> Values:
    if t.is_number or t.column.kind == "list" or not 0 < t.distinct <= 60 or t.repeats < 2:
        return None
    return 0.3, f"{t.distinct} different values, such as {t.column.known[0]!r}"


def _transaction(t: Traits) -> Values:
    if t.column.kind == "list" or t.fractions or t.distinct < 2 or t.filled < 0.98:
        return None
    if t.times is not None and not t.is_number:
        return None
    if t.repeats <= 1.02:
        return 0.1, "every row another one"
    return 0.35, f"{t.repeats:.1f} rows each"


def _id(t: Traits) -> Values:
    if t.filled < 1 or t.repeats > 1.1 or t.column.kind == "list":
        return None
    return 0.4, "every row another one" if t.repeats == 1 else f"{t.repeats:.3f} rows each"


def _amount(t: Traits) -> Values:
    if not t.is_number or (t.times is not None and not t.fractions and t.largest > 1e8):
        return None
    what = "numbers with fractions" if t.fractions else "whole numbers"
    below = f", {t.negative:,} below zero" if t.negative else ""
    return (0.4 if t.fractions else 0.15), what + below


def _quantity(t: Traits) -> Values:
    if not t.is_number or t.largest > 1e7:
        return None
    what = "whole numbers" if not t.fractions else "numbers"
    below = f", {t.negative:,} below zero" if t.negative else ""
    return (0.4 if t.fractions < 0.05 else 0.1), what + below


def _category(t: Traits) -> Values:
    if t.column.kind == "list" or t.fractions or not 1 < t.distinct <= 5_000 or t.repeats < 2:
        return None
    return 0.3, f"{t.distinct:,} different ones"


def _product(t: Traits) -> Values:
    if t.column.kind == "list" or t.fractions or t.distinct < 2 or t.length > 120:
        return None
    return 0.3, f"{t.distinct:,} different ones"


def _campaign(t: Traits) -> Values:
    if t.column.kind == "list" or t.fractions or not t.distinct:
        return None
    return 0.3, f"{t.distinct:,} different ones" + _filled(t)


def _filled(t: Traits) -> str:
    return f"; {1 - t.filled:.1%} of the rows have none" if t.filled < 1 else ""


_VALUES: Mapping[str, Callable[[Traits], Values]] = {
    "identity": _identity, "time": _time, "event": _event, "transaction": _transaction, "id": _id,
    "amount": _amount, "quantity": _quantity, "items.category": _category,
    "items.product": _product, "campaign.name": _campaign, "campaign.group": _campaign,
    "campaign.code": _campaign, "campaign.coupon": _campaign,
}  # fmt: skip
ROLES = tuple(_VALUES)
