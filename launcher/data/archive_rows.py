"""Records of a topic as rows of Parquet files, a file a day of event time, and back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from launcher.data.parquet_form import STAMP, from_stored, stored_schema, to_stored
from launcher.data.sorted_rows import SortedRows
from launcher.errors import LauncherError
from streams.consume import Record
from streams.contract_columns import ContractReader

META = pa.schema(
    {
        "_partition": pa.int32(),
        "_offset": pa.int64(),
        "_append_time": STAMP,
        "_key": pa.binary(),
        "_raw": pa.binary(),
    }
)
"""Where a record was in the log. _raw: its bytes, where the columns do not give them back."""

OTHER = "_other"
"""Folder of records without columns: control records, tombstones, and what nobody can read."""

GROUP_ROWS = 50_000
_DAY_MS = 86_400_000


class RowMaker:
    """Makes rows of the records of one topic."""

    def __init__(self, reader: ContractReader) -> None:
        self._reader = reader
        self.schema = pa.schema([*stored_schema(reader.shape), *META])

    def make(self, records: Sequence[Record]) -> tuple[pa.Table, pa.Table]:
        """Rows with the columns of the contract, and those of META alone of the others."""
        values = [r.value for r in records]
        places, batch = self._reader.read(values)
        readable = np.zeros(len(records), np.bool_)
        readable[places] = True
        here = [records[i] for i in places.tolist()]
        exact = self._reader.is_exact(batch, [r.value for r in here])
        raw = [None if same else r.value for r, same in zip(here, exact.tolist(), strict=True)]
        rows = pa.Table.from_arrays([*to_stored(batch), *_meta(here, raw)], schema=self.schema)
        rest = [records[i] for i in (~readable).nonzero()[0].tolist()]
        return rows, pa.Table.from_arrays(_meta(rest, [r.value for r in rest]), schema=META)


def _meta(records: Sequence[Record], raw: Sequence[bytes | None]) -> list[pa.Array]:
    return [
        pa.array([r.partition for r in records], pa.int32()),
        pa.array([r.offset for r in records], pa.int64()),
        pa.array([r.timestamp for r in records], pa.int64()).cast(STAMP),
        pa.array([r.key for r in records], pa.binary()),
        pa.array(list(raw), pa.binary()),
    ]


def by_day(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """(day of event time, its rows by partition and offset); of append time without event time."""
    if not rows.num_rows:
        return
    name = "timestamp" if "timestamp" in rows.column_names else "_append_time"
    days = rows[name].cast(pa.int64()).to_numpy() // _DAY_MS
    order = np.lexsort((rows["_offset"].to_numpy(), rows["_partition"].to_numpy(), days))
    rows, days = rows.take(pa.array(order)), days[order]
    cuts = [0, *(np.diff(days).nonzero()[0] + 1).tolist(), len(days)]
    for a, b in itertools.pairwise(cuts):
        yield str(np.datetime64(int(days[a]), "D")), rows.slice(a, b - a)


def write_rows(path: Path, tables: Sequence[pa.Table]) -> int:
    """A Parquet file of these tables; how many rows it has."""
    with pq.ParquetWriter(path, tables[0].schema, compression="zstd") as out:
        for table in tables:
            out.write_table(table, row_group_size=GROUP_ROWS)
    return sum(table.num_rows for table in tables)


def merge_files(paths: Sequence[Path], target: Path) -> int:
    """One file of several small ones of a day; how many rows it has."""
    table = pa.concat_tables([_read(path) for path in paths])
    order = np.lexsort((table["_offset"].to_numpy(), table["_partition"].to_numpy()))
    return write_rows(target, [table.take(pa.array(order))])


def without(path: Path, target: Path, namespace: str, identifier: str) -> int | None:
    """The same file without the records that name this identity, primary or not.

    Returns how many rows are left, None where the file has none of theirs; `target` is written
    only where some are left of more.
    """
    table = _read(path)
    theirs = pc.equal(table["_key"], f"{namespace}:{identifier}".encode())
    named = pc.fill_null(theirs, False).to_numpy().copy()
    if "identityMap" in table.column_names:
        named |= _naming(table["identityMap"].combine_chunks(), namespace, identifier)
    if not named.any():
        return None
    rest = table.filter(pa.array(~named))
    return write_rows(target, [rest]) if rest.num_rows else 0


def _naming(maps: Any, namespace: str, identifier: str) -> Any:
    """Which of these identity maps have this identity."""
    maps = maps.chunk(0) if isinstance(maps, pa.ChunkedArray) else maps
    row_of_entry = np.repeat(np.arange(len(maps)), np.diff(maps.offsets.to_numpy()))
    lists = maps.items
    entry_of_id = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
    ids, keys = lists.values.field("id"), maps.keys
    same = pc.fill_null(pc.equal(ids, identifier), False).to_numpy(zero_copy_only=False)
    ours = pc.equal(keys, namespace).to_numpy(zero_copy_only=False)[entry_of_id]
    found = np.zeros(len(maps), np.bool_)
    found[row_of_entry[entry_of_id[same & ours]]] = True
    return found


def _read(path: Path) -> pa.Table:
    try:
        # Not `read_table`: it would take the day in the name of the folder for a column.
        return pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise LauncherError(
            f"{path} cannot be read: {why}", hint="is a file of the archive damaged or missing?"
        ) from None


class StoredRecords:
    """Records of archived files by offset, however many."""

    def __init__(self, reader: ContractReader) -> None:
        self._reader = reader
        self._rows = SortedRows()

    def __enter__(self) -> StoredRecords:
        return self

    def __exit__(self, *error: Any) -> None:
        self._rows.__exit__(None, None, None)

    @property
    def count(self) -> int:
        """How many."""
        return self._rows.rows

    def add(self, path: Path) -> None:
        """The records of a file. Raises LauncherError where it cannot be read."""
        try:
            file = pq.ParquetFile(path)
            for group in range(file.metadata.num_row_groups):
                self._rows.add(self._values(file.read_row_group(group)))
        except (pa.ArrowException, OSError) as error:
            raise LauncherError(
                f"{path} cannot be read: {str(error).splitlines()[0]}",
                hint="nothing was sent; is a file of the archive damaged or missing?",
            ) from None

    def _values(self, table: pa.Table) -> pa.Table:
        values = table["_raw"].to_pylist()
        if "timestamp" in table.column_names:
            written = self._reader.write(from_stored(table, self._reader.shape))
            values = [w if raw is None else raw for raw, w in zip(values, written, strict=True)]
        offset = table["_offset"]
        return pa.table(
            {
                "ts": offset,
                "row": offset,
                "file": table["_partition"].cast(pa.int16()),
                "key": table["_key"],
                "value": pa.array(values, pa.binary()),
            }
        )

    def windows(
        self,
    ) -> Iterator[tuple[list[bytes | None], list[bytes | None], list[int], list[int]]]:
        """(keys, values, partitions, offsets), by offset."""
        for table in self._rows.windows():
            yield (
                table["key"].to_pylist(), table["value"].to_pylist(), table["file"].to_pylist(),
                table["row"].to_pylist(),
            )  # fmt: skip
