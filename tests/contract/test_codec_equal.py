"""Both codecs behind one interface: equal on everything valid, and on every damage.

Invariant: for any byte string the codecs give the same row (bit for bit) or the same fault.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from afflux.codes import Code
from streams import pyruhvro_guard
from streams.avro_rows import to_arrow
from streams.avro_tree import ListOf, MapOf, Maybe, Node, OneOf, Record, pairs, parse, wire_schema
from streams.columns_codec import Codec, Decoded, FastavroCodec, PyruhvroCodec
from wire_cases import event, payload
from wire_strategies import damaged, events, records, values

pytestmark = pytest.mark.skipif(
    not pyruhvro_guard.available(), reason="there is no pyruhvro for this platform"
)

EVENT = schemas.load("ExperienceEvent")
TREE = parse(EVENT.json)
FAST, SLOW = PyruhvroCodec(TREE), FastavroCodec(TREE)

good_payloads = events.map(lambda row: payload(EVENT, row))


@pytest.fixture(autouse=True)
def _schemas_of_this_test() -> Iterator[None]:
    """Random schemas do not use up what a process may give to pyruhvro."""
    before = set(pyruhvro_guard._known)
    yield
    pyruhvro_guard._known.clear()
    pyruhvro_guard._known.update(before)


def bits(value: Any) -> Any:
    """A value with floats as their bits: NaN equals itself, 0.0 is not -0.0."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bits(item) for item in value]
    return (type(value).__name__, value)


def plain(node: Node, value: Any) -> Any:
    """A value given to fastavro's writer, as the codecs return it: maps as lists of pairs."""
    match node:
        case Maybe(inner):
            return None if value is None else plain(inner, value)
        case OneOf():
            return value[1]
        case ListOf(items):
            return [plain(items, item) for item in value]
        case MapOf(item_node):
            return [{"key": k, "value": plain(item_node, v)} for k, v in value.items()]
        case Record(_, fields):
            return {f.name: plain(f.node, value[f.name]) for f in fields}
    return value


def same(a: Decoded, b: Decoded) -> None:
    """Assert that two results are equal, faults included."""
    assert a.rows.tolist() == b.rows.tolist()
    assert bits(a.batch.to_pylist()) == bits(b.batch.to_pylist())
    assert a.faults == b.faults


@settings(deadline=None)
@given(st.lists(events, max_size=8))
def test_equal_on_valid_events(rows: list[dict[str, Any]]) -> None:
    """Events come out of both codecs as they were written, field by field."""
    payloads = [payload(EVENT, row) for row in rows]
    fast, slow = FAST.decode(payloads), SLOW.decode(payloads)
    same(fast, slow)
    assert not fast.faults
    for got, row, data in zip(fast.batch.to_pylist(), rows, payloads, strict=True):
        reader: Any = fastavro.parse_schema(wire_schema(TREE))
        written = fastavro.schemaless_reader(io.BytesIO(data), reader, None)
        assert got["_id"] == row["_id"]
        assert bits(got) == bits(as_pairs(TREE, written))


def as_pairs(node: Node, value: Any) -> Any:
    """What fastavro read, with maps as lists of pairs."""
    match node:
        case Maybe(inner):
            return None if value is None else as_pairs(inner, value)
        case ListOf(items):
            return [as_pairs(items, item) for item in value]
        case MapOf(inner):
            return [{"key": k, "value": as_pairs(inner, v)} for k, v in value.items()]
        case Record(_, fields):
            return {f.name: as_pairs(f.node, value[f.name]) for f in fields}
    return value


@settings(deadline=None)
@given(st.data())
def test_equal_on_any_schema(data: st.DataObject) -> None:
    """What the allow-list lets through is decoded alike: any nesting, both orders of null."""
    tree = data.draw(records)
    rows = data.draw(st.lists(values(tree), max_size=4))
    parsed: Any = fastavro.parse_schema(wire_schema(tree))
    payloads = []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, row)
        payloads.append(out.getvalue())
    fast, slow = PyruhvroCodec(tree).decode(payloads), FastavroCodec(tree).decode(payloads)
    same(fast, slow)
    assert bits(fast.batch.to_pylist()) == bits([plain(tree, row) for row in rows])


@settings(deadline=None)
@given(st.lists(damaged(good_payloads) | st.binary(max_size=80) | good_payloads, max_size=12))
def test_equal_on_damaged_bytes(payloads: list[bytes]) -> None:
    """Every damage is found by both, in the same place, and no row differs."""
    fast, slow = FAST.decode(payloads), SLOW.decode(payloads)
    same(fast, slow)
    assert len(fast.rows) + len(fast.faults) == len(payloads)


@settings(deadline=None)
@given(st.data())
def test_equal_on_damaged_bytes_of_any_schema(data: st.DataObject) -> None:
    """The same for schemas other than ours."""
    tree = data.draw(records)
    parsed: Any = fastavro.parse_schema(wire_schema(tree))

    def write(row: Any) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, row)
        return out.getvalue()

    payloads = data.draw(st.lists(damaged(values(tree).map(write)), min_size=1, max_size=6))
    same(PyruhvroCodec(tree).decode(payloads), FastavroCodec(tree).decode(payloads))


@settings(deadline=None)
@given(good_payloads, st.binary(max_size=80))
def test_a_row_is_the_only_reading_of_its_bytes(good: bytes, other: bytes) -> None:
    """No wrong value gets through: what is accepted says the same when it is written again."""
    decoded = FAST.decode([good, other])
    parsed: Any = fastavro.parse_schema(wire_schema(TREE))
    rewritten = []
    for row in decoded.batch.to_pylist():
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, unpaired(TREE, row))
        rewritten.append(out.getvalue())
    assert bits(FAST.decode(rewritten).batch.to_pylist()) == bits(decoded.batch.to_pylist())


def unpaired(node: Node, value: Any) -> Any:
    """A row of a codec, for fastavro's writer."""
    match node:
        case Maybe(inner):
            return None if value is None else unpaired(inner, value)
        case OneOf():
            name = {str: "string", float: "double", int: "long", bool: "boolean"}[type(value)]
            return (name, value)
        case ListOf(items):
            return [unpaired(items, item) for item in value]
        case MapOf(inner):
            return {pair["key"]: unpaired(inner, pair["value"]) for pair in value}
        case Record(_, fields):
            return {f.name: unpaired(f.node, value[f.name]) for f in fields}
    return value


@pytest.mark.parametrize("codec", [FAST, SLOW], ids=["pyruhvro", "fastavro"])
@pytest.mark.parametrize("bad_at", [0, 1, 250, 499])
def test_one_bad_message_in_many(codec: Codec, bad_at: int) -> None:
    """One bad message of 500 is found, named, and costs the others nothing."""
    good = payload(EVENT, event())
    payloads = [good] * 500
    payloads[bad_at] = good[:-1]
    decoded = codec.decode(payloads)
    assert list(decoded.faults) == [bad_at]
    assert decoded.faults[bad_at].code is Code.truncated
    assert decoded.faults[bad_at].pointer == "/custom"
    assert decoded.batch.num_rows == 499
    assert bad_at not in decoded.rows.tolist()


@pytest.mark.parametrize("codec", [FAST, SLOW], ids=["pyruhvro", "fastavro"])
def test_every_message_bad(codec: Codec) -> None:
    """A batch without any good message has no rows and a fault for each."""
    decoded = codec.decode([b"", b"\xff" * 40, payload(EVENT, event()) + b"\x00"])
    assert decoded.batch.num_rows == 0
    assert [decoded.faults[i].code for i in range(3)] == [
        Code.truncated,
        Code.invalid_avro,
        Code.trailing_bytes,
    ]


@pytest.mark.parametrize("codec", [FAST, SLOW], ids=["pyruhvro", "fastavro"])
def test_blocks_with_sizes(codec: Codec) -> None:
    """Arrays and maps in several blocks, with byte sizes as Java's encoder writes them."""
    crm = b"\x06crm" + b"\x02\x021\x00\x01\x00"
    ecid = b"\x08ECID" + b"\x02\x022\x00\x00\x00"
    identities = b"\x01" + bytes([2 * len(crm)]) + crm + b"\x02" + ecid + b"\x00"
    message = b"\x02a\x02\x00" + identities + b"\x00\x00\x00\x00\x00\x00"
    decoded = codec.decode([message])
    assert not decoded.faults
    [row] = decoded.batch.to_pylist()
    assert [entry["key"] for entry in row["identityMap"]] == ["crm", "ECID"]


@pytest.mark.parametrize("codec", [FAST, SLOW], ids=["pyruhvro", "fastavro"])
def test_a_key_twice(codec: Codec) -> None:
    """A map that has a key twice keeps both entries, in order: no reader drops an identity."""
    entry = b"\x06crm" + b"\x02\x02%d\x00\x00\x00"
    identities = b"\x04" + entry % 1 + entry % 2 + b"\x00"
    decoded = codec.decode([b"\x02a\x02\x00" + identities + b"\x00\x00\x00\x00\x00\x00"])
    [row] = decoded.batch.to_pylist()
    assert [e["value"][0]["id"] for e in row["identityMap"]] == ["1", "2"]


def test_no_message() -> None:
    """Nothing in, nothing out, in the same columns."""
    fast, slow = FAST.decode([]), SLOW.decode([])
    assert fast.batch.num_rows == slow.batch.num_rows == 0
    assert fast.batch.schema.names == slow.batch.schema.names


def test_too_many_bytes_for_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are good but too many for the guard are still decoded."""
    monkeypatch.setattr(pyruhvro_guard, "MAX_BATCH_BYTES", 200)
    payloads = [payload(EVENT, event(_id=str(i))) for i in range(20)]
    decoded = FAST.decode(payloads)
    assert not decoded.faults
    assert [row["_id"] for row in decoded.batch.to_pylist()] == [str(i) for i in range(20)]


@settings(deadline=None)
@given(st.lists(events, min_size=1, max_size=4))
def test_rows_to_columns_and_back(rows: list[dict[str, Any]]) -> None:
    """`to_arrow` loses nothing on the way from dictionaries to bytes and back."""
    written = pyruhvro_guard.Writer(TREE).write(to_arrow(TREE, rows)).to_pylist()
    got = FAST.decode(written).batch.to_pylist()
    flat = pairs(TREE)
    assert isinstance(flat, Record)
    assert isinstance(to_arrow(flat, got), pa.RecordBatch)
    for row, back in zip(rows, got, strict=True):
        assert bits(unpaired_row(back)) == bits(row)


def unpaired_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a codec in the form that producers give."""
    maps = {name: {p["key"]: p["value"] for p in row[name]} for name in ("identityMap", "custom")}
    return {**row, **maps}
