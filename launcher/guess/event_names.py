"""The event types that the values of a column could stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from afflux.columns import KIND_OF_EVENT_TYPE

_WORDS = (
    (r"coupon|redeem|redemption", "commerce.couponRedemptions"),
    (r"remove|cancel|refund|return", ""),
    (r"purchas|order|buy|bought|sale|transaction|paid", "commerce.purchases"),
    (r"checkout", "commerce.checkouts"),
    (r"cart|basket|add", "commerce.productListAdds"),
    (r"(product|item|detail).*view|view.*(product|item)|^view$", "commerce.productViews"),
    (r"list.*view|search|browse", "commerce.productListViews"),
    (r"page|visit|screen|view", "web.webpagedetails.pageViews"),
    (r"click", "web.webinteraction.linkClicks"),
    (r"impression|^ad", "advertising.impressions"),
    (r"email|mail", "directMarketing.emailSent"),
)


def event_types(values: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Value -> event type, and the values that stand for none that is known.

    >>> event_types(["view", "addtocart", "transaction", "wave"])[0]["addtocart"]
    'commerce.productListAdds'
    """
    known, unknown = dict[str, str](), []
    for value in dict.fromkeys(values):
        if value in KIND_OF_EVENT_TYPE:
            known[value] = value
            continue
        plain = re.sub(r"[^a-z]+", " ", value.lower()).strip()
        found = next((kind for word, kind in _WORDS if re.search(word, plain)), "")
        if found:
            known[value] = found
        else:
            unknown.append(value)
    return known, unknown
