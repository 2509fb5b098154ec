"""Baskets that recommenders learn from, to and from bytes, by columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

import schemas
from afflux.baskets.basketry import BasketExamples, ItemsOfExamples, OneSubject, TakenBaskets
from afflux.columns import F64, I32, I64, U8
from afflux.names import Identity
from streams.avro_faults import Fault
from streams.framing import SINGLE_OBJECT, texts, writer_of
from streams.message_writer import writer
from streams.writer_schemas import WriterSchemas

CONTRACT = "BasketExample"
COLUMNS = ("category", "product")

_FRAMES = frozenset(SINGLE_OBJECT + schema.fingerprint for schema in schemas.versions(CONTRACT))


def is_basket(value: bytes | None) -> bool:
    """Whether a record of `training-examples` is a basket."""
    return value is not None and value[:10] in _FRAMES


def encode_baskets(
    baskets: TakenBaskets, shard: I32, identities: Sequence[Identity]
) -> list[bytes]:
    """One value a basket, in their order. shard, identities: of each row of the step."""
    row = baskets.row
    columns = {
        "shard": pa.array(shard[row].astype(np.int64)),
        "sourceTime": pa.array(baskets.seen),
        "sourceOffset": pa.array(baskets.offset),
        "timestamp": pa.array(baskets.timestamp),
        "identity": pa.array([identities[r].decode() for r in row.tolist()], pa.string()),
    }
    for name, one in zip(COLUMNS, baskets.subjects, strict=True):
        columns |= _of_subject(name, one, baskets.data)
    return writer(CONTRACT).write(pa.RecordBatch.from_pydict(columns))


def _of_subject(name: str, one: OneSubject, data: U8) -> dict[str, pa.Array]:
    held, bought = _offsets(one.held_ends), _offsets(one.bought_ends)
    text = one.text
    ids = _strings(text["id_at"], text["id_size"].astype(np.int64), data)
    names = _strings(text["name_at"], text["name_size"].astype(np.int64), data)
    weights = pa.array(one.weights.astype(np.float32))
    return {
        f"{name}Held": pa.ListArray.from_arrays(held, pa.array(one.held.view(np.int64))),
        f"{name}Weights": pa.ListArray.from_arrays(held, weights),
        f"{name}Bought": pa.ListArray.from_arrays(bought, pa.array(one.bought.view(np.int64))),
        f"{name}Ids": pa.ListArray.from_arrays(bought, ids),
        f"{name}Names": pa.ListArray.from_arrays(bought, names),
    }


def _offsets(ends: I64) -> pa.Array:
    return pa.array(np.append(0, ends).astype(np.int32))


def _strings(at: I64, size: I64, data: U8) -> pa.Array:
    """Texts that begin at `at` of some data."""
    ends = np.cumsum(size)
    content = data[np.arange(int(size.sum())) + np.repeat(at - (ends - size), size)]
    offsets = np.append(0, ends).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(content.tobytes())]
    return pa.Array.from_buffers(pa.string(), len(size), buffers)


class BasketDecoder:
    """Reads baskets of any release."""

    def __init__(self) -> None:
        self._writers = WriterSchemas()

    def decode(self, values: Sequence[bytes]) -> list[BasketExamples]:
        """Those that can be read, one part for each run of the same writer schema, in order."""
        parts, start = [], 0
        for end in range(1, len(values) + 1):
            if end == len(values) or writer_of(values[end]) != writer_of(values[start]):
                part = self._one(values[start:end])
                parts += [part] if part is not None else []
                start = end
        return parts

    def _one(self, values: Sequence[bytes]) -> BasketExamples | None:
        frame = writer_of(values[0])
        found = self._writers.find(CONTRACT, frame)
        if isinstance(found, Fault):
            return None
        batch = found.codec.decode([v[len(frame) :] for v in values]).batch
        shard, seen, offset, timestamp = (
            batch.column(name).to_numpy()
            for name in ("shard", "sourceTime", "sourceOffset", "timestamp")
        )
        return BasketExamples(
            shard, seen, offset, timestamp,
            [Identity(t) for t in texts(batch.column("identity"))],
            [_items(batch, name) for name in COLUMNS],
        )  # fmt: skip


def _items(batch: pa.RecordBatch, name: str) -> ItemsOfExamples:
    held, bought = batch.column(f"{name}Held"), batch.column(f"{name}Bought")
    weights: F64 = batch.column(f"{name}Weights").flatten().to_numpy().astype(np.float64)
    return ItemsOfExamples(
        _ends(held), held.flatten().to_numpy().view(np.uint64), weights,
        _ends(bought), bought.flatten().to_numpy().view(np.uint64),
        batch.column(f"{name}Ids").flatten().to_pylist(),
        batch.column(f"{name}Names").flatten().to_pylist(),
    )  # fmt: skip


def _ends(lists: pa.ListArray) -> I64:
    ends: I64 = np.cumsum(lists.value_lengths().to_numpy(), dtype=np.int64)
    return ends
