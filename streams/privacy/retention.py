"""By when Kafka will have dropped records, by the settings that a topic has now.

Kafka drops whole segments, or compacts those that are closed: a record goes some time after it
may go. The times here are the latest, with the broker's own pauses at their defaults, as long as
the topic goes on getting records (a quiet partition does not close its last segment).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PAUSES_MS = 10 * 60_000
"""log.retention.check.interval.ms, file.delete.delay.ms, log.cleaner.backoff.ms together, rounded
up."""
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class GoneBy:
    """ms since the epoch; None where Kafka gives no time, and `why` says why."""

    values: int | None
    """What was written of the person."""
    keys: int | None
    """Also the null values and control records that name them."""
    why: str = ""


def gone_by(configs: Mapping[str, str], at: int) -> GoneBy:
    """For records that were there at `at`, or were written then to supersede them.

    >>> gone_by({"cleanup.policy": "delete", "retention.ms": "1000", "segment.ms": "10"}, 0).values
    601010
    >>> gone_by({"cleanup.policy": "delete", "retention.ms": "-1", "segment.ms": "10"}, 0)
    GoneBy(values=None, keys=None, why='retention.ms is -1: nothing is ever dropped')
    """
    policies = configs.get("cleanup.policy", "").split(",")
    found = [_RULES[policy](configs, at) for policy in policies if policy in _RULES]
    if not found:
        return GoneBy(None, None, "the broker does not tell how the topic is set up")
    return min(found, key=lambda one: (one.values is None, one.values or 0))


def _deleted(configs: Mapping[str, str], at: int) -> GoneBy:
    retention, segment = _number(configs, "retention.ms"), _number(configs, "segment.ms")
    if retention is None or segment is None:
        return GoneBy(None, None, "the broker does not tell retention.ms and segment.ms")
    if retention < 0:
        return GoneBy(None, None, "retention.ms is -1: nothing is ever dropped")
    last = at + segment + retention + _PAUSES_MS
    return GoneBy(last, last)


def _compacted(configs: Mapping[str, str], at: int) -> GoneBy:
    lag = _number(configs, "max.compaction.lag.ms")
    keep = _number(configs, "delete.retention.ms")
    if lag is None or keep is None:
        return GoneBy(None, None, "the broker does not tell max.compaction.lag.ms")
    if lag > _FOREVER:
        return GoneBy(None, None, "max.compaction.lag.ms is not set: no time is promised")
    values = at + lag + _PAUSES_MS
    return GoneBy(values, values + keep + lag + _PAUSES_MS)


_RULES = {"delete": _deleted, "compact": _compacted}


def _number(configs: Mapping[str, str], name: str) -> int | None:
    text = configs.get(name) or ""
    return int(text) if text.lstrip("-").isdigit() else None
