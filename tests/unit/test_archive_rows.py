"""Archived rows: the bytes that went in come out, and other tools read the types of the schema."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import schemas
from launcher.archive.forgetting import forget
from launcher.archive.layout import MANIFEST, PENDING, Archive, ArchiveError, Manifest
from launcher.data.archive_rows import META, RowMaker, StoredRecords, by_day, write_rows
from launcher.data.avro import encode
from launcher.data.generated import generated
from launcher.errors import LauncherError
from streams.consume import Record
from streams.contract_columns import ContractReader
from streams.encoding import encode_events
from wire_cases import NOW, event, framed

READER = ContractReader("ExperienceEvent")
CUSTOM = {"plan": "pro", "seats": 3, "share": 0.5, "trial": False}


def records(values: Sequence[bytes | None], partition: int = 0) -> list[Record]:
    """Consecutive records."""
    return [
        Record("t", partition, i, NOW + i, b"crm:%d" % i, value, ())
        for i, value in enumerate(values)
    ]


def good_values() -> list[bytes]:
    """Every good example, all kinds of custom values, generated events."""
    shown = [e.value for e in schemas.examples("ExperienceEvent") if not e.reason]
    shown = [{k: v for k, v in value.items() if not k.startswith("$")} for value in shown]
    return [
        *(framed("ExperienceEvent", value) for value in shown),
        *encode_events([event(custom=CUSTOM), event(custom={}), event()]),
        *encode(generated(300)),
    ]


def stored(folder: Path, found: list[Record]) -> list[tuple[int, bytes | None, bytes | None]]:
    """(offset, key, value) after a file and back."""
    rows, rest = RowMaker(READER).make(found)
    with StoredRecords(READER) as back:
        for i, table in enumerate((rows, rest)):
            if table.num_rows:
                path = folder / f"{i}.parquet"
                write_rows(path, [table])
                back.add(path)
        return [
            (offset, key, value)
            for keys, values, _, offsets in back.windows()
            for offset, key, value in zip(offsets, keys, values, strict=True)
        ]


def test_the_same_bytes_come_back(tmp_path: Path) -> None:
    """Events, older writers, control records, tombstones and garbage: byte by byte, in order."""
    odd: list[bytes | None] = [None, b"", b"garbage", good_values()[0] + b"!", b"\0\0\0\0\7x"]
    found = records([*good_values(), *odd])
    assert stored(tmp_path, found) == [(r.offset, r.key, r.value) for r in found]


def test_events_need_no_second_copy_of_their_bytes() -> None:
    """Bytes are kept only where the columns do not give them back."""
    rows, rest = RowMaker(READER).make(records([*good_values(), b"garbage", None]))
    assert rows["_raw"].null_count == rows.num_rows
    assert rest.num_rows == 2
    assert rest.schema == META


def test_rows_are_parted_by_the_day_of_event_time() -> None:
    """A day each, by partition and offset."""
    rows, _ = RowMaker(READER).make(records(encode(generated(500))))
    days = list(by_day(rows))
    assert len(days) > 5
    assert sum(table.num_rows for _, table in days) == 500
    for day, table in days:
        stamps = table["timestamp"].to_pylist()
        assert {stamp.date().isoformat() for stamp in stamps} == {day}
        assert table["_offset"].to_pylist() == sorted(table["_offset"].to_pylist())


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of two events."""
    values = encode_events(
        [
            event(custom=CUSTOM, productListItems=[{"SKU": "a", "quantity": 2}]),
            event(commerce={"order": {"priceTotal": 4.5}}),
        ]
    )
    rows, _ = RowMaker(READER).make(records(list(values)))
    folder = tmp_path / "day=2023-11-14"
    folder.mkdir()
    write_rows(folder / "0.parquet", [rows])
    return str(folder / "0.parquet")


AT = datetime.fromtimestamp((NOW - 1000) / 1000, UTC)


def test_arrow_reads_the_types_of_the_schema(file: str) -> None:
    """Times are timestamps in UTC, records are structs, maps are maps, unions are structs."""
    table = pq.read_table(file)
    assert table.schema.field("timestamp").type == pa.timestamp("ms", "UTC")
    row: dict[str, Any] = table.to_pylist()[0]
    assert row["timestamp"] == AT
    assert row["productListItems"][0]["SKU"] == "a"
    custom = {
        name: {k: v for k, v in value.items() if v is not None} for name, value in row["custom"]
    }
    assert custom == {
        "plan": {"string": "pro"}, "seats": {"long": 3}, "share": {"double": 0.5},
        "trial": {"boolean": False},
    }  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("duckdb") is None, reason="duckdb is not installed")
def test_duckdb_reads_it(file: str) -> None:
    """Times, nested fields, map entries and the day of the folder, in SQL."""
    import duckdb

    query = f"""
        select timestamp at time zone 'UTC', eventType, custom['plan']."string",
               productListItems[1].quantity, commerce."order".priceTotal,
               identityMap['crm'][1].id, day
        from read_parquet('{Path(file).parents[1]}/day=*/*.parquet', hive_partitioning = true)
        order by _offset
    """
    found = duckdb.sql(query)
    assert found is not None
    first, second = found.fetchall()
    assert first[1:6] == ("commerce.purchases", "pro", 2, None, "4711")
    assert first[0] == AT.replace(tzinfo=None)
    assert str(first[6]) == "2023-11-14"
    assert second[4] == 4.5


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars is not installed")
def test_polars_reads_it(file: str) -> None:
    """Times with their zone, structs by field, lists."""
    import polars as pl

    frame = pl.scan_parquet(file).sort("_offset").collect()
    assert frame.schema["timestamp"] == pl.Datetime("ms", "UTC")
    assert frame["timestamp"][0] == AT
    total = frame["commerce"].struct.field("order").struct.field("priceTotal")
    assert total.to_list() == [None, 4.5]
    assert frame["productListItems"][0][0]["SKU"] == "a"


def changed(archive: Archive, name: str) -> tuple[Manifest, str]:
    """A change that adds one file, written and not decided."""
    manifest = archive.begin("00ff")
    found, path = archive.new_file("day=2024-01-01", 0, manifest.run + 1)
    path.write_text(name)
    return Manifest("t", "00ff", manifest.run + 1, {0: 7}, {**manifest.files, found: 1}), found


def test_what_was_not_decided_never_was(tmp_path: Path) -> None:
    """A crash before the decision: the next one finds the archive as it was."""
    archive = Archive(tmp_path, "t")
    changed(archive, "x")
    again = Archive(tmp_path, "t")
    assert again.manifest is None
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("stop", ["before", "middle"])
def test_what_was_decided_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    """A crash after the decision, with some or no file in its place: the next one ends the work."""
    archive = Archive(tmp_path, "t")
    new, name = changed(archive, "x")

    class Crash(Exception):
        pass

    def crash(decided: dict[str, Any]) -> None:
        if stop == "middle":
            part = archive.folder / (name + ".part")
            part.replace(archive.folder / name)
        raise Crash

    monkeypatch.setattr(archive, "_carry_out", crash)
    with pytest.raises(Crash):
        archive.change(new, [name], [])
    again = Archive(tmp_path, "t")
    assert again.manifest == new
    assert (again.folder / name).read_text() == "x"
    assert not (again.folder / PENDING).exists()


def test_archives_that_are_none_are_told(tmp_path: Path) -> None:
    """Another topic of the name, a damaged list, a folder with something else."""
    archive = Archive(tmp_path, "t")
    new, name = changed(archive, "x")
    archive.change(new, [name], [])
    with pytest.raises(ArchiveError, match="made anew"):
        Archive(tmp_path, "t").begin("0000")
    (archive.folder / MANIFEST).write_text("{")
    with pytest.raises(ArchiveError, match="cannot be read"):
        Archive(tmp_path, "t")
    (tmp_path / "u").mkdir()
    (tmp_path / "u" / "x.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="no archive"):
        Archive(tmp_path, "u").begin("00")


def test_a_person_is_removed(tmp_path: Path) -> None:
    """Records that name them, first or beside another, go from all files; the others stay."""
    anna = {"crm": [{"id": "anna", "primary": True}]}
    both = {"crm": [{"id": "ben", "primary": True}], "email": [{"id": "a@x"}]}
    other = {"email": [{"id": "anna", "primary": True}]}
    values = encode_events(
        [event(_id=str(i), identityMap=who) for i, who in enumerate([anna, both, other, anna])]
    )
    keys = [b"crm:anna", b"crm:ben", b"email:anna", b"crm:anna"]
    found = [
        Record("t", 0, i, NOW, key, value, ())
        for i, (key, value) in enumerate(zip(keys, values, strict=True))
    ]
    control = Record("t", 0, 9, NOW, b"crm:anna", b"a signed delete", ())
    archive, manifest = Archive(tmp_path, "t"), Manifest("t", "00ff", 1, {0: 10})
    rows, rest = RowMaker(READER).make([*found, control])
    for number, (folder, table) in enumerate([("day=a", rows), ("_other/day=a", rest)]):
        name, path = archive.new_file(folder, number, 1)
        manifest.files[name] = write_rows(path, [table])
    archive.change(manifest, list(manifest.files), [])
    assert forget(archive, "crm", "anna", lambda *_: None) == 3
    assert forget(archive, "email", "a@x", lambda *_: None) == 1
    assert forget(archive, "crm", "nobody", lambda *_: None) == 0
    (left,) = Archive(tmp_path, "t").folder.rglob("*.parquet")
    assert pq.ParquetFile(left).read()["_key"].to_pylist() == [b"email:anna"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Its path is in the message; nothing was sent."""
    (tmp_path / "x.parquet").write_text("no Parquet")
    with StoredRecords(READER) as back, pytest.raises(LauncherError, match=r"x\.parquet"):
        back.add(tmp_path / "x.parquet")
