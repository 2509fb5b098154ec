"""How long ago something of each kind happened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.columns import F64, I64, Kind
from afflux.features.contract import Cut, FieldList, Fields, log_days

_KINDS = len(Kind)
_ONE = np.array([Kind.PURCHASE, Kind.PAGE_VIEW, Kind.ADD_TO_CART, Kind.EXPOSURE, Kind.REDEMPTION])
_OTHER = np.array([Kind.PURCHASE, Kind.PRODUCT_VIEW, Kind.CHECKOUT, Kind.EXPOSURE, Kind.REDEMPTION])
"""A recency is that of the later of two kinds."""

_FLAGGED = np.array([0, 1, 3])
"""Purchase, view, exposure: whoever never had one is told apart from who had one just now."""


class Recency:
    """ln(1 + days) since the last event of a kind; 0 and a flag where there was none."""

    fields: FieldList = (("kind_last", "<i8", (_KINDS,)),)
    names: Sequence[str] = (
        "purchase_recency", "view_recency", "add_recency", "exposure_recency",
        "redemption_recency", "never_purchased", "never_viewed", "never_exposed",
    )  # fmt: skip
    phrases: Sequence[str] = (
        "days since last purchase", "days since last visit", "days since last cart activity",
        "days since last campaign exposure", "days since last coupon redemption",
        "no purchase yet", "no visit yet", "no campaign exposure yet",
    )  # fmt: skip

    def update(self, rows: Fields, cut: Cut) -> None:
        """The latest event time of each kind."""
        np.maximum.at(rows["kind_last"].reshape(-1), cut.row * _KINDS + cut.kind, cut.ts)

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """The later one counts."""
        np.maximum.at(merged["kind_last"], owner, rows["kind_last"])

    def values(self, rows: Fields, at: I64) -> F64:
        """Recencies, then flags."""
        last = rows["kind_last"]
        recent = np.maximum(last.take(_ONE, axis=1), last.take(_OTHER, axis=1))
        never = recent == 0
        out = np.empty((len(at), 8))
        out[:, :5] = np.where(never, 0.0, log_days(at[:, None] - recent))
        out[:, 5:] = never[:, _FLAGGED]
        return out
