"""What we produce: the bytes say what was given; what cannot be said is refused with a place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from afflux.attributes import AttributeRecord
from afflux.codes import Code
from afflux.examples import EARLY, LABEL_UNCERTAIN
from afflux.names import Identity
from afflux.outcome import Control
from core_cases import CATALOG
from streams.decoding import Decoder
from streams.encoding import (
    DecodeError,
    EncodeError,
    contract_schema,
    decode,
    decode_any,
    decode_model_update,
    decode_score_updates,
    decode_training_examples,
    encode_attributes,
    encode_control,
    encode_event_columns,
    encode_events,
    encode_model_update,
    encode_score_updates,
    encode_training_examples,
    primary_identities,
)
from streams.message_writer import MessageWriter, writer
from streams.updates import update_order
from wire_cases import LIMITS, NOW, SECRET, Registered, batch, confluent, event, framed, signed
from wire_strategies import events, optional


@settings(deadline=None)
@given(st.lists(events, max_size=5))
def test_events_as_fastavro_writes_them(rows: list[dict[str, Any]]) -> None:
    """The columnar encoder gives the very bytes of fastavro's row-by-row writer."""
    expected = [framed("ExperienceEvent", row) for row in rows]
    assert encode_events(rows) == expected
    slow = MessageWriter("ExperienceEvent", fast=False)
    assert slow.write(slow.columns(rows)) == expected


ANA = {"crm": [{"id": "4711"}]}
MISFITS: dict[str, tuple[Any, str, Code | None]] = {
    "no object": ("text", "", None),
    "missing field": ({"_id": "a", "identityMap": ANA}, "/timestamp", None),
    "unknown field": (event(eventtype="x"), "/eventtype", None),
    "unknown field inside": (
        event(commerce={"order": {"total": 1.0}}), "/commerce/order/total", None,
    ),
    "fraction of a millisecond": (event(timestamp=1.5), "/timestamp", None),
    "truth as a number": (event(timestamp=True), "/timestamp", None),
    "number as text": (event(_id=7), "/_id", None),
    "text as a number": (
        event(commerce={"order": {"priceTotal": "9.99"}}), "/commerce/order/priceTotal", None,
    ),
    "more than 64 bits": (event(timestamp=2**63), "/timestamp", None),
    "half a surrogate pair": (event(_id="\ud800"), "/_id", None),
    "half a pair as a name": (event(custom={"\ud800": 1}), "/custom", None),
    "null where one is due": (event(identityMap=None), "/identityMap", None),
    "list for an object": (event(identityMap=[ANA]), "/identityMap", None),
    "object for a list": (event(identityMap={"crm": {"id": "1"}}), "/identityMap/crm", None),
    "object in a list": (event(productListItems=["tea"]), "/productListItems/0", None),
    "no branch of a union": (event(custom={"a/b": None}), "/custom/a~1b", None),
    "whole number that no double holds": (
        event(commerce={"order": {"priceTotal": 2**53 + 1}}), "/commerce/order/priceTotal", None,
    ),
    "rule: no id": (event(_id=""), "/_id", Code.missing_id),
    "rule: nobody": (event(identityMap={}), "/identityMap", Code.missing_identity),
    "rule: money": (
        event(productListItems=[{}, {"priceTotal": -1.0}]),
        "/productListItems/1/priceTotal",
        Code.negative_money,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("row", "pointer", "code"), MISFITS.values(), ids=MISFITS)
def test_what_is_no_event(row: Any, pointer: str, code: Code | None) -> None:
    """The error names the row, the field and the rule; nothing is encoded."""
    with pytest.raises(EncodeError) as refused:
        encode_events([event(), row, event()])
    assert (refused.value.index, refused.value.pointer) == (1, pointer)
    assert refused.value.code is code
    assert refused.value.message


def test_rules_can_be_left_out() -> None:
    """Broken events can be made on purpose, as long as the schema can say them."""
    [value] = encode_events([event(_id="")], checked=False)
    _, bad = Decoder(LIMITS, SECRET).events(batch([value]))
    assert [b.code for b in bad] == [Code.missing_id]


def test_time_is_not_judged_by_the_encoder() -> None:
    """A producer's clock decides nothing: an event of 1950 is encoded, and rejected later."""
    assert encode_events([event(timestamp=-(2**40))])


def test_numbers_of_numpy() -> None:
    """Values taken from arrays and data frames need no conversion."""
    row = event(
        timestamp=np.int64(NOW),
        commerce={"order": {"priceTotal": np.float64(2.5)}},
        productListItems=[{"quantity": np.int32(2), "priceTotal": 3}],
        custom={"a": np.int64(1), "b": np.bool_(True), "c": np.float32(0.5)},
    )
    _, back = decode_any(encode_events([row])[0])
    assert back["commerce"]["order"]["priceTotal"] == 2.5
    assert back["productListItems"][0] == {
        "SKU": None,
        "name": None,
        "quantity": 2,
        "priceTotal": 3.0,
        "productCategories": [],
    }
    assert back["custom"] == {"a": 1, "b": True, "c": 0.5}


@settings(deadline=None)
@given(st.lists(events, min_size=3, max_size=6), st.data())
def test_columns_that_are_slices(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Columns cut out of longer ones are encoded and judged by their own rows."""
    start = data.draw(st.integers(0, len(rows)))
    length = data.draw(st.integers(0, len(rows) - start))
    columns = writer("ExperienceEvent").columns(rows)
    assert columns.schema.equals(contract_schema("ExperienceEvent"))
    expected = encode_events(rows)[start : start + length]
    part = columns.slice(start, length)
    assert encode_event_columns(part) == expected
    cut = pa.RecordBatch.from_arrays(
        [_sliced(c, start, length) for c in columns], columns.schema.names
    )
    assert encode_event_columns(cut) == expected
    assert primary_identities(part) == primary_identities(columns)[start : start + length]


def _sliced(array: pa.Array, start: int, length: int) -> pa.Array:
    """A slice whose children are slices as well, as data frames make them."""
    if not pa.types.is_struct(array.type):
        return array.slice(start, length)
    children = [child.slice(start, length) for child in array.flatten()]
    mask = array.is_null().slice(start, length)
    return pa.StructArray.from_arrays(children, fields=list(array.type), mask=mask)


def test_columns_of_another_contract() -> None:
    """Columns that are not the contract's are refused, not panicked about."""
    wrong = pa.RecordBatch.from_pydict({"a": [1]})
    with pytest.raises(EncodeError, match="ExperienceEvent"):
        encode_event_columns(wrong, checked=False)


def test_keys_of_events() -> None:
    """The Kafka key is the primary identity, else the first; none where there is nobody."""
    rows = [
        event(identityMap={"a": [{"id": "1"}], "b": [{"id": "2", "primary": True}]}),
        event(identityMap={"a": [{"id": "1"}, {"id": "2"}]}),
        event(identityMap={}),
    ]
    columns = writer("ExperienceEvent").columns(rows)
    assert primary_identities(columns) == [b"b:2", b"a:1", None]
    assert primary_identities(columns.slice(2)) == [None]


def test_attributes() -> None:
    """Attribute records are read back, and broken ones are refused with the place."""
    row = {"timestamp": 5, "identityMap": ANA, "attributes": {"age": 30, "a/b": 0.5}}
    [value] = encode_attributes([row])
    found, _ = Decoder(LIMITS, SECRET).attributes(batch([value], topic="profile-attributes"))
    records = [r for r in found.records if isinstance(r, AttributeRecord)]
    assert [dict(r.attributes) for r in records] == [row["attributes"]]
    for attributes, pointer in (({"": 1}, "/attributes/"), ({"a/b": np.inf}, "/attributes/a~1b")):
        with pytest.raises(EncodeError) as refused:
            encode_attributes([row, {**row, "attributes": attributes}])
        assert (refused.value.index, refused.value.pointer) == (1, pointer)
        assert refused.value.code is Code.invalid_attributes
    with pytest.raises(EncodeError, match="identityMap"):
        encode_attributes([{**row, "identityMap": {}}])


@settings(deadline=None)
@given(
    st.sampled_from(["edge", "unlink", "delete", "tick"]),
    st.integers(0, NOW),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    optional(st.tuples(*[st.integers(0, 2**40)] * 3)),
)
def test_control_records(kind: str, timestamp: int, event_id: str, origin: Any) -> None:
    """What is encoded and signed is what the decoder hands to the core."""
    identity = None if kind == "tick" else Identity(b"crm:4711")
    other = Identity(b"e:x:y") if kind in ("edge", "unlink") else None

    control = Control(kind, 0, timestamp, 0, identity, 0, other, event_id, origin)
    value = encode_control(control)
    found, bad = Decoder(LIMITS, SECRET).events(batch([value], headers=[signed(value)]))
    assert not bad
    [back] = found.controls
    for name in ("kind", "timestamp", "identity", "other", "event_id", "origin"):
        assert getattr(back, name) == getattr(control, name)


def served(n: int) -> Any:
    """Served rows with two scores of different sorts."""
    rows = CATALOG.new_served(n)
    rows["as_of_ts"] = NOW
    rows["as_of_offset"] = 800 + np.arange(n)
    rows["value"] = [[0.826, 61.5]]
    rows["previous"] = [[np.nan, 60.0]]
    rows["version"] = [[0x9F86D081884C7D65, 2**64 - 1]]
    rows["percentile"] = [[91, 0]]
    rows["bucket"] = [[2, 1]]
    rows["trusted"] = [[1, 0]]
    rows["factor"] = [[[0, 2, 255], [1, 0, 0]]]
    rows["contribution"] = [[[1.5, -0.25, 9.0], [0.5, 0.0, 0.0]]]
    rows["factor_value"] = [[[2.25, 0.5, 0.0], [3.0, 0.0, 0.0]]]
    rows["interval"] = [[[np.nan, np.nan], [10.5, 99.0]]]
    rows["cluster"] = 7
    return rows


def test_score_updates() -> None:
    """Every part of the served row is in the update under its name; empty factors are not."""
    rows = served(3)
    rows["value"][1] = [np.nan, 3.0]
    people = [Identity(b"crm:1"), Identity("crm:ü".encode()), Identity(b"crm:3")]
    linked = [[people[0], Identity(b"web:9")], [people[1]], [people[2]]]
    values = encode_score_updates(
        CATALOG, rows, people, ["e1", "", "e3"], ["p1", "p2", "p3"], linked, [97, 98, 99]
    )
    first, second, _ = decode_score_updates(values)
    churn, value = first.pop("scores")
    assert first == {
        "profileId": "p1",
        "identity": "crm:1",
        "identities": ["crm:1", "web:9"],
        "positionOffset": 801,
        "positionVersion": 97,
        "eventId": "e1",
        "eventTime": NOW,
        "eventOffset": 800,
        "cluster": 7,
    }
    assert update_order(first) == (801, 97)
    names = CATALOG.features
    assert churn.pop("value") == pytest.approx(0.826)
    assert churn == {
        "model": "churn",
        "version": "9f86d081884c7d65",
        "score": 83,
        "percentile": 91,
        "bucket": "high",
        "trusted": True,
        "factors": [
            {"feature": names[0], "contribution": 1.5, "value": 2.25},
            {"feature": names[2], "contribution": -0.25, "value": 0.5},
        ],
        "previous": None,
        "low": None,
        "high": None,
    }
    assert value == {
        "model": "lifetime_value",
        "version": "f" * 16,
        "value": 61.5,
        "score": 0,
        "percentile": 0,
        "bucket": "medium",
        "trusted": False,
        "factors": [{"feature": names[1], "contribution": 0.5, "value": 3.0}],
        "previous": 60.0,
        "low": 10.5,
        "high": 99.0,
    }
    assert second["identity"] == "crm:ü"
    assert [s["model"] for s in second["scores"]] == ["lifetime_value"]


def test_positions_of_score_updates() -> None:
    """The offset of the position can be given, where it is further than the event."""
    [value] = encode_score_updates(
        CATALOG, served(1), [Identity(b"a:1")], ["e"], ["p"], [[Identity(b"a:1")]], [2], [900]
    )
    assert update_order(decode("ScoreUpdate", value)) == (900, 2)
    assert encode_score_updates(CATALOG, served(0), [], [], [], [], []) == []


def closed(n: int, early: bool = False) -> Any:
    """Closed examples of two people; or early ones."""
    rows = np.zeros(n, CATALOG.early if early else CATALOG.closed)
    rows["shard"] = 12
    rows["deadline"] = NOW + np.arange(n)
    rows["row"] = np.arange(n) % 2
    rows["model"] = np.arange(n) % 2
    rows["open_ts"] = NOW - 5
    rows["open_offset"] = 2**40
    random = np.random.default_rng(3)
    rows["vector"] = random.normal(size=(n, CATALOG.dimension)) * 1000
    rows["served"] = random.random(n)
    rows["version"] = random.integers(0, 2**64, n, np.uint64)
    rows["label"] = random.random(n)
    rows["flags"] = LABEL_UNCERTAIN * (np.arange(n) % 3 == 0)
    return rows


@pytest.mark.parametrize("early", [False, True])
def test_training_examples(early: bool) -> None:
    """The learner reads the very arrays that the core closed, to the last bit."""
    rows = closed(7, early)
    if early:
        rows["flags"], rows["seen"], rows["source"] = EARLY, NOW + np.arange(7), 2**41
    people = [Identity(b"crm:1"), Identity("crm:ü".encode())]
    values = encode_training_examples(CATALOG, rows, people)
    found = decode_training_examples(values, CATALOG.dimension, CATALOG.layout)
    pairs = {
        "shard": "shard", "deadline": "deadline", "open_ts": "open_ts",
        "open_offset": "open_offset", "vector": "vector", "served": "served",
        "version": "version", "label": "label", "flags": "flags",
    } | ({"seen": "seen", "source": "source"} if early else {})  # fmt: skip
    for mine, theirs in pairs.items():
        np.testing.assert_array_equal(getattr(found, mine), rows[theirs])
        assert getattr(found, mine).dtype == rows[theirs].dtype.newbyteorder("=")
    assert list(found.identities) == [people[i % 2] for i in range(7)]
    assert list(found.models) == [CATALOG.models[i % 2].name for i in range(7)]


def test_examples_that_cannot_be_used() -> None:
    """Values of others, of another feature set, damaged or null are left out, in order."""
    rows, people = closed(3), [Identity(b"crm:1"), Identity(b"crm:2")]
    values = encode_training_examples(CATALOG, rows, people)
    mixed = [b"", values[0], values[1][:-1], None, encode_events([event()])[0], values[2]]
    found = decode_training_examples(mixed, CATALOG.dimension)
    assert found.deadline.tolist() == [NOW, NOW + 2]
    assert len(decode_training_examples(values, CATALOG.dimension, CATALOG.layout ^ 1)) == 0
    assert decode_training_examples(values, 3).vector.shape == (0, 3)
    assert len(decode_training_examples([], 3)) == 0
    assert encode_training_examples(CATALOG, rows[:0], people) == []


def test_model_updates() -> None:
    """News of a snapshot arrive as they were said."""
    said = {
        "model": "churn",
        "version": "00000000000000ff",
        "examples": 9,
        "metrics": {"auc": 0.7},
        "snapshot": "key",
        "offsets": {"0": 12},
        "trusted": True,
        "publishedAt": 5,
    }
    later = {
        "champion": "", "featureSet": "", "drifts": 0, "entries": [], "segments": [],
        "calibration": [], "challengers": [],
    }  # fmt: skip
    assert decode_model_update(encode_model_update(said)) == {**said, **later}


def test_reading_what_is_not_there() -> None:
    """Readers get one error with the reason: no frame, unknown schema, other contract, damage."""
    [value] = encode_events([event()])
    for data, why in (
        (b"{}", "neither"),
        (b"\xc3\x01" + bytes(8), "unknown"),
        (b"\x00\x00\x00\x00\x01", "unknown"),
        (value, "a ExperienceEvent where a ScoreUpdate"),
    ):
        with pytest.raises(DecodeError, match=why):
            decode("ScoreUpdate", data)
    with pytest.raises(DecodeError, match="truncated at /custom"):
        decode_any(value[:-1])


def test_reading_a_registered_event() -> None:
    """Dead letters in the Confluent framing can be shown where the registry is known."""
    schema = schemas.load("ExperienceEvent")
    registry = Registered({7: schema.json, 8: '"string"'})
    name, fields = decode_any(confluent(7, schema, event()), registry)
    assert (name, fields["_id"]) == ("ExperienceEvent", "e-1")
    with pytest.raises(DecodeError, match="cannot be used"):
        decode_any(b"\x00\x00\x00\x00\x08", registry)
