"""Events as JSON writes them, before they are encoded: times as text, the primary identity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def with_millis(value: dict[str, Any]) -> dict[str, Any]:
    """The object with `timestamp` in milliseconds; XDM writes it as ISO 8601 text.

    Raises ValueError for text that is no time.

    >>> with_millis({"timestamp": "1970-01-01T00:00:01Z"})
    {'timestamp': 1000}
    """
    stamp = value.get("timestamp")
    if not isinstance(stamp, str):
        return value
    moment = datetime.fromisoformat(stamp)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return {**value, "timestamp": round(moment.timestamp() * 1000)}


def primary(value: dict[str, Any]) -> bytes:
    """The primary identity, `namespace:id`; b"" where there is none that could be read.

    >>> primary({"identityMap": {"a": [{"id": "1"}], "b": [{"id": "2", "primary": True}]}})
    b'b:2'
    """
    named = [
        (bool(item.get("primary")), f"{namespace}:{item.get('id')}".encode())
        for namespace, items in (value.get("identityMap") or {}).items()
        for item in items or ()
    ]
    flagged = [name for is_primary, name in named if is_primary]
    return (flagged or [name for _, name in named] or [b""])[0]
