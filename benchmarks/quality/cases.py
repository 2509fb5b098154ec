"""What is compared: data sets, outcomes, and from when on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from launcher.data.names import Name

_BUY = "commerce.purchases"


@dataclass(frozen=True)
class Case:
    """One data set, scored at each purchase."""

    data: Name
    outcomes: Mapping[str, str]
    """Name of a model -> its outcome in words; discovered models go by their own name."""
    since: str
    """Predictions from this day on are compared."""

    @property
    def since_ms(self) -> int:
        """That day, ms."""
        return round(datetime.fromisoformat(self.since).replace(tzinfo=UTC).timestamp() * 1000)


CASES = (
    Case(
        Name.completejourney,
        {
            "churn": f"no {_BUY} within 14d",
            "churn_28": f"no {_BUY} within 28d",
            "purchase_7d": f"any {_BUY} within 7d",
            "lifetime_value": f"amount of {_BUY} within 28d",
        },
        since="2017-02-26",  # eight weeks after the first basket
    ),
    Case(
        Name.cdnow,
        {
            "churn": f"no {_BUY} within 90d",
            "lifetime_value": f"amount of {_BUY} within 90d",
        },
        since="1997-05-27",  # eight weeks after the first labels are known
    ),
)
