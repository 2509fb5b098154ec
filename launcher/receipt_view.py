"""A receipt for a person: what was done where, and by when Kafka has dropped the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table


def tables(receipt: Mapping[str, Any]) -> Iterator[Table]:
    """Store, topics, models."""
    store = _table("in Redis", "what was done")
    for one in receipt["stores"]:
        store.add_row(one["held"], one["done"])
    yield store
    topics = _table("topic", "what was done", "values gone by", "keys gone by")
    for one in receipt["topics"]:
        if "values_gone_by" in one:
            times = _time(one["values_gone_by"], one["why"]), _time(one["keys_gone_by"], "")
            topics.add_row(one["topic"], one["done"], *times)
    yield topics
    models = _table("model", "what was done")
    for one in receipt["models"]:
        models.add_row(one["model"], one["done"])
    yield models


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold", pad_edge=False)


def _time(ms: int | None, why: str) -> str:
    return (
        why or "not known" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%F %H:%MZ}"
    )
