"""Event files for tests of `afflux evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from afflux.event_types import BUILT_IN, EventTypes
from launcher.data.file_events import FileEvents
from launcher.data.shape import DataSet
from launcher.evaluation.event_log import Events
from launcher.evaluation.mapping import Mapping, check
from launcher.evaluation.runs import Runs

MAPPING: dict[str, Any] = {
    "identity": {"column": "who", "namespace": "crm"},
    "time": {"column": "at", "zone": "UTC"},
    "event": {"type": "commerce.purchases"},
    "amount": "paid",
}
"""The smallest mapping with an amount."""


def mapping(**changes: Any) -> Mapping:
    """`MAPPING` with some keys changed; None leaves a key out."""
    content = {k: v for k, v in {**MAPPING, **changes}.items() if v is not None}
    return check(content, "mapping.yaml")


def csv(folder: Path, text: str, name: str = "events.csv") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text)
    return path


def read(
    path: Path, m: Mapping, run: int = 1_000_000, types: EventTypes = BUILT_IN
) -> tuple[Runs, Events]:
    """The log of a file, and all its events."""
    file = FileEvents(path, m, types)
    nameless = m.id is None and m.transaction is None
    runs = Runs(
        file.identities, m.transaction is not None, nameless and m.duplicates == "drop",
        m.order == "time", run,
    )  # fmt: skip
    for events in file:
        runs.add(events)
    return runs, np.concatenate(list(runs.blocks(1_000)))


def write(data: DataSet, path: Path) -> Path:
    """A data set as a flat file; the ending of the path decides how."""
    events = data.events.combine_chunks()
    units = [sum(i["quantity"] for i in items) for items in events["items"].to_pylist()]
    table = pa.table(
        {
            "event": events["id"], "who": events["person"], "kind": events["type"],
            "at": events["timestamp"], "paid": events["total"], "units": pa.array(units),
        }
    )  # fmt: skip
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        pa_csv.write_csv(table, path)
    else:
        lines = (json.dumps({k: v for k, v in row.items() if v is not None}) + "\n"
                 for row in table.to_pylist())  # fmt: skip
        path.write_text("".join(lines))
    return path


def write_lines(data: DataSet, path: Path) -> Path:
    """Lines of the purchases of a data set, one a row, as CSV."""
    rows = [
        (e["id"], e["person"], e["timestamp"], i["SKU"], i["category"], i["priceTotal"])
        for e in data.events.to_pylist()
        for i in e["items"]
        if e["type"] == "commerce.purchases"
    ]
    head = "basket,who,at,sku,category,paid\n"
    path.write_text(head + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


LINES: dict[str, Any] = {
    "identity": {"column": "who", "namespace": "person"},
    "time": {"column": "at", "format": "epoch_ms"},
    "event": {"type": "commerce.purchases"},
    "transaction": "basket",
    "amount": "paid",
    "items": {"category": "category", "product": "sku"},
}
"""Of files that `write_lines` has made."""

FLAT: dict[str, Any] = {
    "identity": {"column": "who", "namespace": "person"},
    "time": {"column": "at", "format": "epoch_ms"},
    "event": {"column": "kind"},
    "id": "event",
    "amount": "paid",
    "quantity": "units",
}
"""Of files that `write` has made."""
