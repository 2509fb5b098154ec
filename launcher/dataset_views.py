"""How data sets look on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table


def list_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """A row a data set."""
    table = Table(
        "data set", "kind", "topic", "profiles", "precedence", "ttl", "accepted", "rejected",
        "set aside", "newest", box=None, header_style="bold", pad_edge=False,
    )  # fmt: skip
    for one in found:
        table.add_row(
            one["name"], one["kind"], one["topic"], _switch(one), str(one["precedence"]),
            _ttl(one), f"{one['accepted']:,}", f"{one['rejected']:,}", f"{one['set_aside']:,}",
            _moment(one["newest"]),
        )  # fmt: skip
    return table


def describe_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """One data set, line by line."""
    kind = f"patches of {one['of']}" if one["of"] else f"{one['kind']} data set"
    yield f"{one['name']}: {kind}, {_switch(one)}"
    yield f"  topic       {one['topic']}, rejected records in {one['topic']}.dlq"
    fields = ", ".join(f"{name} {kind}" for name, kind in one["fields"].items())
    yield f"  schema      {one['schema']}" + (f": {fields}" if fields else "")
    if not one["of"]:
        yield f"  precedence  {one['precedence']}"
        yield f"  ttl         {_ttl(one)}"
    yield (
        f"  records     {one['accepted']:,} accepted, {one['rejected']:,} rejected, "
        f"{one['set_aside']:,} set aside while it was disabled"
    )
    if one["records"] is not None:
        yield f"  in Kafka    {one['records']:,}, of which {one['behind']:,} are not folded yet"
    yield f"  newest      {_moment(one['newest'])}"


def _switch(one: Mapping[str, Any]) -> str:
    return "enabled" if one["enabled"] else "disabled"


def _ttl(one: Mapping[str, Any]) -> str:
    return "none" if one["ttl_days"] is None else f"{one['ttl_days']:g} days"


def _moment(ms: int | None) -> str:
    return "none" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%F %T} UTC"
