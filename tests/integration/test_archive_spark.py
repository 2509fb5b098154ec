"""Spark reads an archive with the types of the schema; where PySpark is installed."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import pytest

from launcher.data.archive_rows import RowMaker, write_rows
from streams.consume import Record
from streams.contract_columns import ContractReader
from streams.encoding import encode_events
from wire_cases import NOW, event

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.timeout(300),
]


def test_spark_reads_it(tmp_path: Path) -> None:
    """Times, maps, unions as structs, lists, the day; folders that begin with _ are left out."""
    from pyspark.sql import SparkSession

    values = encode_events(
        [
            event(custom={"plan": "pro", "seats": 3}, productListItems=[{"SKU": "a"}]),
            event(commerce={"order": {"priceTotal": 4.5}}),
        ]
    )
    records = [
        Record("t", 0, i, NOW, b"crm:4711", value, ()) for i, value in enumerate([*values, b"odd"])
    ]
    rows, rest = RowMaker(ContractReader("ExperienceEvent")).make(records)
    for folder, table in (("day=2023-11-14", rows), ("_other/day=2023-11-14", rest)):
        (tmp_path / folder).mkdir(parents=True)
        write_rows(tmp_path / folder / "0.parquet", [table])
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    try:
        found = (
            spark.read.parquet(str(tmp_path))
            .orderBy("_offset")
            .selectExpr(
                "unix_millis(timestamp) as at", "eventType", "custom['plan'].string as plan",
                "custom['seats'].long as seats", "get(productListItems, 0).SKU as sku",
                "commerce.order.priceTotal as total", "get(identityMap['crm'], 0).id as who",
                "cast(day as string) as day",
            )
            .collect()
        )  # fmt: skip
    finally:
        spark.stop()
    assert [tuple(row) for row in found] == [
        (NOW - 1000, "commerce.purchases", "pro", 3, "a", None, "4711", "2023-11-14"),
        (NOW - 1000, "commerce.purchases", None, None, None, 4.5, "4711", "2023-11-14"),
    ]
    assert datetime.fromtimestamp(NOW / 1000, UTC).date().isoformat() == "2023-11-14"
