"""Closed examples to and from bytes, by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.examples import EARLY, LABEL_UNCERTAIN, ExampleColumns
from afflux.names import Identity, ModelName
from streams.avro_faults import Fault
from streams.framing import texts, writer_of
from streams.message_writer import writer
from streams.score_encoding import FEW, hexes
from streams.writer_schemas import WriterSchemas

_FLAGS = {LABEL_UNCERTAIN: "label_uncertain", EARLY: "early"}
_NAMES = [[name for bit, name in _FLAGS.items() if flags & bit] for flags in range(4)]
"""Of each value of `flags` the names."""


def encode_training_examples(
    catalog: Catalog, closed: NDArray[np.void], identities: Sequence[Identity]
) -> list[bytes]:
    """One `TrainingExample` a row of `closed` (dtype `catalog.closed` or `early`), in its order.

    `closed["row"]` is the place of each example's person in `identities`.
    """
    n = len(closed)
    if not n:
        return []
    if n <= FEW:
        return writer("TrainingExample").write_few([_row(catalog, c, identities) for c in closed])
    names = pa.array([m.name for m in catalog.models], pa.string())
    seen, source = _sources(closed)
    columns = {
        "shard": pa.array(closed["shard"].astype(np.int64)),
        "deadline": pa.array(closed["deadline"].astype(np.int64)),
        "identity": pa.array([identities[r].decode() for r in closed["row"].tolist()], pa.string()),
        "model": names.take(pa.array(closed["model"].astype(np.int32))),
        "openTime": pa.array(closed["open_ts"].astype(np.int64)),
        "openOffset": pa.array(closed["open_offset"].astype(np.int64)),
        "featureSet": pa.array([f"{catalog.layout:016x}"] * n, pa.string()),
        "features": pa.ListArray.from_arrays(
            pa.array(np.arange(n + 1, dtype=np.int32) * catalog.dimension),
            pa.array(closed["vector"].reshape(-1).astype(np.float32)),
        ),
        "servedValue": pa.array(closed["served"].astype(np.float64)),
        "servedVersion": hexes(closed["version"].astype(np.uint64)),
        "label": pa.array(closed["label"].astype(np.float64)),
        "flags": pa.array(
            [_NAMES[flags] for flags in closed["flags"].tolist()], pa.list_(pa.string())
        ),
        "sourceTime": pa.array(seen),
        "sourceOffset": pa.array(source),
    }
    return writer("TrainingExample").write(pa.RecordBatch.from_pydict(columns))


def _sources(closed: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """W and offset of the records that made early examples."""
    if "source" in (closed.dtype.names or ()):
        return closed["seen"].astype(np.int64), closed["source"].astype(np.int64)
    return np.zeros(len(closed), np.int64), np.full(len(closed), -1)


def _row(catalog: Catalog, closed: np.void, identities: Sequence[Identity]) -> dict[str, Any]:
    """One example as a dictionary."""
    early = "source" in (closed.dtype.names or ())
    return {
        "shard": int(closed["shard"]),
        "deadline": int(closed["deadline"]),
        "identity": identities[closed["row"]].decode(),
        "model": catalog.models[closed["model"]].name,
        "openTime": int(closed["open_ts"]),
        "openOffset": int(closed["open_offset"]),
        "featureSet": f"{catalog.layout:016x}",
        "features": closed["vector"].tolist(),
        "servedValue": float(closed["served"]),
        "servedVersion": f"{int(closed['version']):016x}",
        "label": float(closed["label"]),
        "flags": _NAMES[closed["flags"]],
        "sourceTime": int(closed["seen"]) if early else 0,
        "sourceOffset": int(closed["source"]) if early else -1,
    }


class ExampleDecoder:
    """Reads `training-examples`: examples of one feature set, others are left out."""

    def __init__(self, dimension: int, layout: int | None = None) -> None:
        self._dimension = dimension
        self._layout = None if layout is None else f"{layout:016x}"
        self._writers = WriterSchemas()

    def decode(self, values: Sequence[bytes | None]) -> ExampleColumns:
        """Examples that can be read, in their order; len(values) - len(result) were left out.

        Left out are values that are no TrainingExample, those of another number of features,
        and, where a layout was given, those of another one.
        """
        groups: dict[bytes, list[int]] = {}
        for i, value in enumerate(values):
            if value is not None:
                groups.setdefault(writer_of(value), []).append(i)
        row, parts = [], []
        for frame, rows in groups.items():
            part = self._group(values, frame, rows)
            if part is not None:
                row.append(part[0])
                parts.append(_columns(part[1], self._dimension))
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return _columns(_none(), self._dimension)
        return _in_order(parts, np.argsort(np.concatenate(row)))

    def _group(
        self, values: Sequence[bytes | None], frame: bytes, rows: Sequence[int]
    ) -> tuple[NDArray[np.int64], pa.RecordBatch] | None:
        found = self._writers.find("TrainingExample", frame) if frame else None
        if found is None or isinstance(found, Fault):
            return None
        payloads = [v[len(frame) :] for i in rows if (v := values[i]) is not None]
        decoded = found.codec.decode(payloads)
        batch = decoded.batch
        fits = batch.column("features").value_lengths().to_numpy() == self._dimension
        if self._layout is not None:
            ours = self._layout.encode()
            fits = fits & np.array([s == ours for s in texts(batch.column("featureSet"))], np.bool_)
        place = np.array(rows, np.int64)[decoded.rows]
        if fits.all():
            return place, batch
        keep = np.flatnonzero(fits)
        return place[keep], batch.take(pa.array(keep))


def decode_training_examples(
    values: Sequence[bytes | None], dimension: int, layout: int | None = None
) -> ExampleColumns:
    """Examples with `dimension` features (of `layout`), in their order; others are left out."""
    return ExampleDecoder(dimension, layout).decode(values)


def _in_order(parts: Sequence[ExampleColumns], order: NDArray[np.int64]) -> ExampleColumns:
    """The examples of all parts, the one at `order[0]` first."""
    joined: dict[str, Any] = {}
    for field in fields(ExampleColumns):
        pieces = [getattr(part, field.name) for part in parts]
        if isinstance(pieces[0], np.ndarray):
            joined[field.name] = np.concatenate(pieces)[order]
        else:
            flat = [value for piece in pieces for value in piece]
            joined[field.name] = [flat[i] for i in order.tolist()]
    return ExampleColumns(**joined)


def _none() -> pa.RecordBatch:
    return writer("TrainingExample").columns([])


def _columns(batch: pa.RecordBatch, dimension: int) -> ExampleColumns:
    def numbers(name: str) -> NDArray[np.int64]:
        values: NDArray[np.int64] = batch.column(name).to_numpy()
        return values

    features = batch.column("features").flatten().to_numpy()
    versions = texts(batch.column("servedVersion"))
    number = {text: _hex(text) for text in set(versions)}
    return ExampleColumns(
        shard=numbers("shard").astype(np.int32),
        deadline=numbers("deadline"),
        identities=[Identity(t) for t in texts(batch.column("identity"))],
        models=[ModelName(m) for m in batch.column("model").to_pylist()],
        open_ts=numbers("openTime"),
        open_offset=numbers("openOffset"),
        vector=features.astype(np.float16).reshape(-1, dimension),
        served=numbers("servedValue").astype(np.float32),
        version=np.array([number[text] for text in versions], np.uint64),
        label=numbers("label").astype(np.float64),
        flags=_flags(batch.column("flags")),
        seen=numbers("sourceTime"),
        source=numbers("sourceOffset"),
    )


def _flags(names: pa.ListArray) -> NDArray[np.uint8]:
    """Most examples have none."""
    if not len(names.flatten()):
        return np.zeros(len(names), np.uint8)
    bits = {name: bit for bit, name in _FLAGS.items()}
    flags = [sum(bits.get(name, 0) for name in set(some)) for some in names.to_pylist()]
    return np.array(flags, np.uint8)


def _hex(text: bytes) -> int:
    try:
        return int(text, 16) & 0xFFFFFFFFFFFFFFFF
    except ValueError:
        return 0
