"""The features: one per file, in the order of their fields and values on disk."""

from __future__ import annotations

from afflux.features.calendar_cycles import CalendarCycles
from afflux.features.contract import Feature
from afflux.features.decayed import DecayedSums
from afflux.features.gaps import PurchaseGaps
from afflux.features.lifetime import LifetimeSums
from afflux.features.recency import Recency
from afflux.features.tenure import Tenure

FEATURES: tuple[Feature, ...] = (
    DecayedSums(), LifetimeSums(), PurchaseGaps(), Recency(), Tenure(), CalendarCycles(),
)  # fmt: skip
