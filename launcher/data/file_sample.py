"""Some thousand rows of a file, from its beginning, middle and end, with their columns as texts.

A file is looked at before anything is known of it: its form and its delimiter are found here.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from launcher.data.file_blocks import form_of, unpacked
from launcher.evaluation.errors import FileError

ROWS = 12_000
_WINDOW = 512 << 10
_WINDOWS = 5
_DELIMITERS = (",", ";", "\t", "|")
_PACKED = (".gz", ".zst", ".bz2")


@dataclass(frozen=True)
class Column:
    """Values of a column in the order of the sample; None where there is none.

    kind: "text", or what the file itself says: "number", "time", "zoned time", "list".
    """

    name: str
    kind: str
    texts: Sequence[str | None]

    @property
    def known(self) -> list[str]:
        """Values that are there."""
        return [text for text in self.texts if text]


@dataclass(frozen=True)
class Sample:
    """What was looked at."""

    path: Path
    form: str
    delimiter: str
    rows: int
    whole: bool
    """Whether it is all of the file."""
    columns: Mapping[str, Column]


def sample(path: Path, form: str | None = None, delimiter: str | None = None) -> Sample:
    """A sample of the file. Raises FileError where it cannot be read, or has no rows."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    if path.is_dir():
        raise FileError(f"{path} is a folder", hint="name one of its files")
    if not size:
        raise FileError(f"{path} is empty")
    form = form or form_of(path)
    try:
        if form == "parquet":
            found = _of_parquet(path)
        elif form == "csv":
            found = _of_csv(path, size, delimiter)
        else:
            found = _of_json(path, size)
    except UnicodeDecodeError:
        raise FileError(
            f"{path} is not UTF-8",
            hint="is it what its name says? Convert other encodings, such as with iconv -t UTF-8",
        ) from None
    except (pa.ArrowException, OSError, EOFError) as error:
        raise FileError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if not found.rows:
        raise FileError(f"{path} has no rows")
    return found


def _windows(path: Path, size: int) -> tuple[list[list[str]], bool]:
    """Lines of parts of the file, each whole, and whether that is all of it."""
    parts: list[list[str]] = []
    with path.open("rb") as raw, unpacked(raw, path) as stream:
        data = bytes(stream.read(_WINDOW))
        whole = len(data) < _WINDOW
        if not whole:
            data = data[: data.rfind(b"\n") + 1] or data
        parts.append(data.decode("utf-8-sig").splitlines())
        if whole or path.suffix.lower() in _PACKED:
            return parts, whole
    with path.open("rb") as raw:
        for part in range(1, _WINDOWS):
            raw.seek(max(_WINDOW, (size - _WINDOW) * part // (_WINDOWS - 1)))
            lines = raw.read(_WINDOW // 2).split(b"\n")[1:-1]
            parts.append([line.decode().rstrip("\r") for line in lines])
    return parts, False


def _of_csv(path: Path, size: int, delimiter: str | None) -> Sample:
    parts, whole = _windows(path, size)
    head = [line for line in parts[0][:200] if line]
    delimiter = delimiter or _delimiter(head)
    names = next(csv.reader(head[:1], delimiter=delimiter), [])
    rows: list[Sequence[str | None]] = []
    parts[0] = parts[0][1:]
    for lines in parts:
        read = csv.reader(lines, delimiter=delimiter)
        fits = (row for row in read if len(row) == len(names))
        rows += list(_some(fits, ROWS // len(parts) if not whole else len(lines)))
    return _sample(path, "csv", delimiter, whole, names, rows, {})


def _delimiter(lines: Sequence[str]) -> str:
    """The one that parts the first lines into the most fields, the same number in most of them."""
    best, most = ",", 0.0
    for one in _DELIMITERS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=one))
        width, times = widths.most_common(1)[0]
        if width > 1 and width * times / len(lines) > most:
            best, most = one, width * times / len(lines)
    return best


def _of_json(path: Path, size: int) -> Sample:
    parts, whole = _windows(path, size)
    rows: list[dict[str, tuple[str, str]]] = []
    number = 0
    for i, lines in enumerate(parts):
        for line in _some(lines, ROWS // len(parts) if not whole else len(lines)):
            number += 1
            if line.strip():
                rows.append(_flat_row(line, path, number if i == 0 else 0))
    names = list(dict.fromkeys(name for row in rows for name in row))
    kinds = {n: _one_kind([row[n][0] for row in rows if n in row]) for n in names}
    texts = [[row[n][1] if n in row else None for n in names] for row in rows]
    return _sample(path, "jsonl", ",", whole, names, texts, kinds)


def _flat_row(line: str, path: Path, number: int) -> dict[str, tuple[str, str]]:
    try:
        content = json.loads(line)
        if not isinstance(content, dict):
            raise ValueError("not an object")
    except ValueError as error:
        where = f"line {number:,}" if number else "a line"
        raise FileError(
            f"{where} of {path} is no JSON object: {error}",
            hint="JSON lines have one object a line",
        ) from None
    return dict(_flat(content))


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, str]]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield prefix + name, ("list", "[]")
        elif isinstance(value, bool):
            yield prefix + name, ("text", str(value).lower())
        elif value is not None:
            kind = "number" if isinstance(value, int | float) else "text"
            yield prefix + name, (kind, str(value))


def _one_kind(kinds: Sequence[str]) -> str:
    return kinds[0] if len(set(kinds)) == 1 else "text"


def _of_parquet(path: Path) -> Sample:
    file = pq.ParquetFile(path)
    groups, total = file.metadata.num_row_groups, file.metadata.num_rows
    chosen = sorted({0, groups // 2, groups - 1}) if groups else []
    tables = []
    for group in chosen:
        batches = file.iter_batches(ROWS // len(chosen), row_groups=[group])
        batch = next(iter(batches), None)
        if batch is not None:
            tables.append(pa.table(batch))
    columns: dict[str, Column] = {}
    rows = 0
    if tables:
        table = _flattened(pa.concat_tables(tables))
        rows = table.num_rows
        for name in table.column_names:
            kind, texts = _as_texts(table[name])
            columns[name] = Column(name, kind, texts)
    return Sample(path, "parquet", ",", rows, rows == total, columns)


def _flattened(table: Any) -> Any:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _as_texts(column: Any) -> tuple[str, list[str | None]]:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zoned = pa.types.is_timestamp(kind) and kind.tz is not None
        return "zoned time" if zoned else "time", column.cast(pa.string()).to_pylist()
    if pa.types.is_nested(kind):
        return "list", ["[]"] * len(column)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return "number" if number else "text", column.cast(pa.string()).to_pylist()


def _some(values: Iterable[Any], count: int) -> Iterator[Any]:
    for _, value in zip(range(count), values, strict=False):
        yield value


def _sample(
    path: Path,
    form: str,
    delimiter: str,
    whole: bool,
    names: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    kinds: Mapping[str, str],
) -> Sample:
    texts = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    columns = {
        name: Column(name, kinds.get(name, "text"), values)
        for name, values in zip(names, texts, strict=True)
    }
    return Sample(path, form, delimiter, len(rows), whole, columns)
