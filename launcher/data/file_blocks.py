"""A file of events as blocks of columns: CSV, Parquet, JSON lines, never all of it at once."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from launcher.evaluation.errors import FileError

BLOCK = 4 << 20
_ROWS = 65_536
_ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass(frozen=True)
class Block:
    """Rows of a file: an Arrow array a column."""

    first: int
    """Number of its first row, from 1."""
    columns: Mapping[str, Any]
    rows: int
    share: float
    """How much of the file is read with it, 0 to 1."""


Broken = Callable[[int, str], None]
"""Hears the number of a CSV row that has not as many fields as the head, and what is wrong."""


def blocks(
    path: Path,
    form: str | None,
    delimiter: str,
    columns: Mapping[str, str],
    texts: Sequence[str],
    broken: Broken | None = None,
) -> Iterator[Block]:
    """All rows. columns: what names them -> column. texts: columns wanted as text in JSON.

    broken: who hears of broken rows of a CSV, which are then left out; without it they stop.
    Raises FileError where the file cannot be read or lacks a column.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    if path.is_dir():
        raise FileError(f"{path} is a folder", hint="name one file")
    if not size:
        raise FileError(f"{path} is empty")
    read = {"csv": _csv, "parquet": _parquet, "jsonl": _json}[form or form_of(path)]
    first, names = 1, list(dict.fromkeys(columns.values()))
    try:
        for table, share in read(path, size, delimiter, columns, texts, broken):
            if table.num_rows:
                yield Block(first, _picked(table, names), table.num_rows, share)
                first += table.num_rows
    except (pa.ArrowException, OSError) as error:
        raise FileError(
            f"{path} cannot be read on from row {first:,}: {_first_line(error)}",
            hint="is it of the format that its name says? `format:` in the mapping tells another",
        ) from None
    if first == 1:
        raise FileError(f"{path} has no rows")


def form_of(path: Path) -> str:
    """What the name of a file says that it is. Raises FileError where it says nothing."""
    endings = [s for s in path.suffixes if s not in (".gz", ".zst", ".bz2")]
    form = _ENDINGS.get(endings[-1].lower()) if endings else None
    if form is None:
        raise FileError(
            f"the name of {path} does not say what it is",
            hint="add `format: csv`, `parquet` or `jsonl` to the mapping",
        )
    return form


Tables = Iterator[tuple[Any, float]]


def _csv(
    path: Path,
    size: int,
    delimiter: str,
    columns: Mapping[str, str],
    texts: Sequence[str],
    broken: Broken | None,
) -> Tables:
    names = _header(path, delimiter)
    _check(path, names, columns, delimiter)
    kept = list(dict.fromkeys(columns.values()))
    raw = path.open("rb")
    with raw, unpacked(raw, path) as stream:
        reader = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                invalid_row_handler=None if broken is None else _leave_out(broken),
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=kept, column_types=dict.fromkeys(kept, pa.string()),
                strings_can_be_null=True, null_values=[""],
            ),
        )  # fmt: skip
        for batch in reader:
            yield batch, raw.tell() / size


def _leave_out(broken: Broken) -> Callable[[Any], str]:
    def handle(row: Any) -> str:
        broken(row.number or 0, f"{row.actual_columns} fields, the head has {row.expected_columns}")
        return "skip"

    return handle


def _header(path: Path, delimiter: str) -> list[str]:
    with path.open("rb") as raw, unpacked(raw, path) as stream:
        line = io.BytesIO(stream.read(1 << 20)).readline()
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(
            f"the first line of {path} is not UTF-8",
            hint="is it a CSV? Convert other encodings, for example with iconv -t UTF-8",
        ) from None
    return next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])


def unpacked(raw: IO[bytes], path: Path) -> Any:
    """The file, unpacked if its name says that it is packed."""
    kind = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}.get(path.suffix.lower())
    return pa.input_stream(raw, compression=kind, buffer_size=None)


def _check(path: Path, names: Sequence[str], columns: Mapping[str, str], delimiter: str) -> None:
    missing = {key: column for key, column in columns.items() if column not in names}
    if not missing:
        return
    if len(names) == 1 and len(columns) > 1:
        for other, word in _DELIMITERS.items():
            if other in names[0] and other != delimiter:
                raise FileError(
                    f"{path} has one column only, {names[0]!r}: it is parted by {word}, not by "
                    f"{_DELIMITERS.get(delimiter, repr(delimiter))}",
                    hint=f"add `delimiter: {json.dumps(other)}` to the mapping",
                )
    key, column = next(iter(missing.items()))
    near = difflib.get_close_matches(column, names, 1, 0.5)
    raise FileError(
        f"{path} has no column {column!r}, which the mapping names under `{key}`"
        + "".join(f", nor {c!r} (`{k}`)" for k, c in list(missing.items())[1:]),
        hint=(f"did you mean {near[0]!r}? " if near else "") + f"It has {', '.join(names)}",
    )


def _parquet(
    path: Path,
    size: int,
    delimiter: str,
    columns: Mapping[str, str],
    texts: Sequence[str],
    broken: Broken | None,
) -> Tables:
    file = pq.ParquetFile(path)
    _check(path, _paths(file.schema_arrow), columns, "")
    done, total = 0, max(1, file.metadata.num_rows)
    for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(columns.values()))):
        done += batch.num_rows
        yield batch, done / total


def _json(
    path: Path,
    size: int,
    delimiter: str,
    columns: Mapping[str, str],
    texts: Sequence[str],
    broken: Broken | None,
) -> Tables:
    line, seen = 1, False
    with path.open("rb") as raw, unpacked(raw, path) as stream:
        for lines in _lines(stream):
            table = _parsed(lines, texts, path, line)
            line += lines.count(b"\n") + (not lines.endswith(b"\n"))
            if not seen and table.num_rows:
                _check(path, _paths(table.schema), columns, "")
                seen = True
            yield table, raw.tell() / size


def _lines(stream: Any) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time."""
    rest = b""
    while data := stream.read(BLOCK):
        data = rest + data
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if end:
            yield data[:end]
    if rest:
        yield rest


def _parsed(lines: bytes, texts: Sequence[str], path: Path, first: int) -> Any:
    if not lines.strip():
        return pa.table({})
    plain = [name for name in texts if "." not in name]
    options = pa_json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    wanted = pa.schema([(name, pa.string()) for name in plain])
    parsers: list[Callable[[], Any]] = [
        lambda: pa_json.read_json(
            io.BytesIO(lines), options, pa_json.ParseOptions(explicit_schema=wanted)
        ),
        lambda: pa_json.read_json(io.BytesIO(lines), options),
    ]
    for parse in parsers:
        try:
            return parse()
        except pa.ArrowInvalid as error:
            why = error
    for number, text in enumerate(lines.split(b"\n"), first):
        try:
            if text.strip() and not isinstance(json.loads(text), dict):
                raise ValueError("not an object")
        except ValueError as error:
            raise FileError(
                f"line {number:,} of {path} is no JSON object: {error}",
                hint="JSON lines have one object a line",
            ) from None
    raise FileError(
        f"lines {first:,} and after of {path} do not have one shape: {_first_line(why)}",
        hint="a column must have values of one kind",
    )


def _paths(schema: Any, prefix: str = "") -> list[str]:
    """Names of columns; those inside a struct with a dot."""
    found = []
    for field in schema:
        found.append(prefix + field.name)
        if pa.types.is_struct(field.type):
            found += _paths(field.type, f"{prefix}{field.name}.")
    return found


def _picked(table: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: _column(table, name) for name in names}


def _column(table: Any, name: str) -> Any:
    parts = [name] if name in table.schema.names else name.split(".")
    if parts[0] not in table.schema.names:
        return pa.nulls(table.num_rows, pa.string())
    array = table[parts[0]]
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    for part in parts[1:]:
        if array.type.get_field_index(part) < 0:
            return pa.nulls(table.num_rows, pa.string())
        array = pc.struct_field(array, part)
    return array


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else repr(error)
