"""The guards around pyruhvro, each with what it keeps out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import fastavro
import pytest

import schemas
from streams import pyruhvro_guard
from streams.avro_rows import to_arrow
from streams.avro_tree import RefusedSchema, Scalar, check_fits, parse
from streams.columns_codec import FastavroCodec, PyruhvroCodec, open_codec
from streams.pyruhvro_guard import Reader, Undecodable, Writer
from wire_cases import event, newer_event, older_event, payload

EVENT = schemas.load("ExperienceEvent")


@pytest.fixture(autouse=True)
def _schemas_of_this_test() -> Iterator[None]:
    before = set(pyruhvro_guard._known)
    yield
    pyruhvro_guard._known.clear()
    pyruhvro_guard._known.update(before)


def schema(**field: Any) -> str:
    """A record with one field `x`."""
    return json.dumps({"type": "record", "name": "A", "fields": [{"name": "x", **field}]})


def array_of(items: Any) -> str:
    """A record whose field is an array."""
    return schema(type={"type": "array", "items": items})


WIDE = {
    "type": "record",
    "name": "Wide",
    "fields": [{"name": f"c{i}", "type": "double"} for i in range(40)],
}
REFUSED = {
    "bytes": schema(type="bytes"),
    "decimal": schema(type={"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
    "fixed": schema(type={"type": "fixed", "name": "F", "size": 4}),
    "duration": schema(type={"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}),
    "enum": schema(type={"type": "enum", "name": "S", "symbols": ["a"]}),
    "null alone": schema(type="null"),
    "array of null": array_of("null"),
    "array of nullable wide records": array_of(["null", WIDE]),
    "map of nullable wide records": schema(type={"type": "map", "values": ["null", WIDE]}),
    "wide record inside an element": array_of(
        {"type": "record", "name": "E", "fields": [{"name": "w", "type": ["null", WIDE]}]}
    ),
    "union of records": schema(type=["null", "string", WIDE]),
    "union of one": schema(type=["string"]),
    "union of like types": schema(type=["double", "float"]),
    "null and two": schema(type=["null", "string", "long"]),
    "list in itself": schema(type=["null", "A"]),
    "no fields": json.dumps({"type": "record", "name": "A", "fields": []}),
    "unknown type": schema(type="Order"),
    "no record": '"string"',
    "no type": json.dumps({"type": "record", "name": "A", "fields": [{"name": "x"}]}),
    "field without a name": json.dumps(
        {"type": "record", "name": "A", "fields": [{"type": "string"}]}
    ),
    "no JSON": "{",
    "JSON of another kind": "[1]",
    "too deep": array_of(json.loads('{"type":"array","items":' * 20 + '"long"' + "}" * 20)),
    "too wide": json.dumps(
        {
            "type": "record",
            "name": "A",
            "fields": [{"name": f"c{i}", "type": "long"} for i in range(2001)],
        }
    ),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("codec", ["pyruhvro", "fastavro"])
def test_refused_schemas(text: str, codec: Any) -> None:
    """What makes pyruhvro panic, cut values or blow up never reaches it, nor the fallback."""
    with pytest.raises(RefusedSchema) as refused:
        open_codec(parse(text), codec)
    assert refused.value.reason


ALLOWED = {
    "int is read as long": schema(type="int"),
    "timestamp": schema(type={"type": "long", "logicalType": "timestamp-micros"}),
    "uuid as text": schema(type={"type": "string", "logicalType": "uuid"}),
    "date as its number": schema(type={"type": "int", "logicalType": "date"}),
    "null last": schema(type=["string", "null"]),
    "a type by name": json.dumps(
        {
            "type": "record",
            "name": "A",
            "namespace": "n",
            "fields": [{"name": "a", "type": WIDE}, {"name": "b", "type": "Wide"}],
        }
    ),
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_allowed_schemas(text: str) -> None:
    """Common types that are safe in the form in which they are read."""
    assert PyruhvroCodec(parse(text)).decode([]).batch.num_rows == 0


def test_an_int_is_not_cut() -> None:
    """A number beyond 32 bits in a field that was declared int comes out whole."""
    out = io.BytesIO()
    long: Any = fastavro.parse_schema({"type": "long"})
    fastavro.schemaless_writer(out, long, 2**40)
    decoded = PyruhvroCodec(parse(schema(type="int"))).decode([out.getvalue()])
    assert decoded.batch.to_pylist() == [{"x": 2**40}]


@pytest.mark.parametrize("text", [older_event(), newer_event(), EVENT.json])
def test_additive_versions_fit(text: str) -> None:
    """Older, newer and equal writers can be read by name."""
    check_fits(parse(text), parse(EVENT.json))


def change(path: list[Any], **update: Any) -> str:
    """ExperienceEvent with one field changed."""
    raw = json.loads(EVENT.json)
    at = raw
    for step in path:
        at = at[step]
    at.update(update)
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (change(["fields", 0], name="id"), "/_id"),
        (change(["fields", 0], type=["null", "string"]), "/_id"),
        (change(["fields", 1], type="string"), "/timestamp"),
        (
            change(["fields", 1], type={"type": "long", "logicalType": "timestamp-micros"}),
            "/timestamp",
        ),
        (change(["fields", 3], type={"type": "map", "values": "string"}), "/identityMap/*"),
        (change(["fields", 3], type={"type": "array", "items": "string"}), "/identityMap"),
        (change(["fields", 9], type={"type": "map", "values": ["string", "long"]}), "/custom/*"),
        (
            change(["fields", 4, "type", 1, "fields", 0, "type", 1, "fields", 1], type="long"),
            "/commerce/order/priceTotal",
        ),
    ],
)
def test_other_contracts_do_not_fit(text: str, pointer: str) -> None:
    """A field that is missing, of another type, or in another unit is refused where it is."""
    with pytest.raises(RefusedSchema) as refused:
        check_fits(parse(text), parse(EVENT.json))
    assert refused.value.pointer == pointer


class Panic(BaseException):
    """As pyo3's PanicException: not an Exception."""


def raising(error: BaseException) -> Callable[..., Any]:
    """A function of pyruhvro that raises."""

    class Module:
        @staticmethod
        def deserialize_array(*args: object) -> None:
            raise error

    return Module


def test_a_panic_is_a_fault_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BaseException of the library does not reach the worker."""
    reader = Reader(parse(EVENT.json))
    monkeypatch.setattr(pyruhvro_guard, "_pyruhvro", raising(Panic("index out of bounds")))
    with pytest.raises(Undecodable, match="out of bounds"):
        reader.read([payload(EVENT, event())])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_a_stop_is_a_stop(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Interrupts are not taken for panics."""
    reader = Reader(parse(EVENT.json))
    monkeypatch.setattr(pyruhvro_guard, "_pyruhvro", raising(error))
    with pytest.raises(type(error)):
        reader.read([b""])


def test_a_batch_that_panics_is_still_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are good by the strict walk come out even where pyruhvro never reads them."""
    codec = PyruhvroCodec(parse(EVENT.json))
    monkeypatch.setattr(pyruhvro_guard, "_pyruhvro", raising(Panic("always")))
    decoded = codec.decode([payload(EVENT, event()), b""])
    assert [row["_id"] for row in decoded.batch.to_pylist()] == ["e-1"]
    assert list(decoded.faults) == [1]


@pytest.mark.parametrize("limit", ["MAX_MESSAGE_BYTES", "MAX_BATCH_BYTES"])
def test_sizes_are_capped(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """Larger messages and batches are not even tried."""
    monkeypatch.setattr(pyruhvro_guard, limit, 10)
    with pytest.raises(Undecodable, match="bytes"):
        Reader(parse(EVENT.json)).read([payload(EVENT, event())])


def test_the_number_of_schemas_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps every schema for ever, so a process gives it so many and no more."""
    pyruhvro_guard._known.clear()
    monkeypatch.setattr(pyruhvro_guard, "MAX_SCHEMAS", 1)
    Reader(parse(schema(type="string")))
    Reader(parse(schema(type="string")))
    with pytest.raises(RefusedSchema, match="already decodes 1"):
        Reader(parse(schema(type="long")))


def test_where_there_is_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyruhvro the automatic codec is fastavro, and asking for pyruhvro says so."""
    monkeypatch.setattr(pyruhvro_guard, "_pyruhvro", None)
    assert isinstance(open_codec(parse(EVENT.json)), FastavroCodec)
    with pytest.raises(ValueError, match="pyruhvro"):
        open_codec(parse(EVENT.json), "pyruhvro")
    with pytest.raises(Undecodable, match="not installed"):
        Writer(parse(EVENT.json)).write(to_arrow(parse(EVENT.json), [event()]))


def test_the_node_types_compare_by_value() -> None:
    """Two readings of a schema are the same tree, whatever its docs and defaults."""
    assert parse(EVENT.json) == parse(change(["fields", 0], doc="other words"))
    assert Scalar("long") != Scalar("long", "timestamp-millis")
