"""Records, events and writer schemas for tests of the wire. Rows are written by fastavro."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
import numpy as np

import schemas
from afflux.shards import murmur2
from streams.avro_tree import MapOf, Maybe, Node, OneOf, Record, parse
from streams.bad_records import Limits
from streams.control_signing import SIGNATURE, sign
from streams.records import Headers, RecordBatch

NOW = 1_700_000_001_000
"""Timestamp of the Kafka records: a second after the events of the examples."""

SECRET = b"a secret of the tests"
LIMITS = Limits(partitions=1, shards=64)


def event(**changes: Any) -> dict[str, Any]:
    """A small valid event."""
    return {
        "_id": "e-1",
        "timestamp": NOW - 1000,
        "eventType": "commerce.purchases",
        "identityMap": {"crm": [{"id": "4711", "primary": True}]},
        **changes,
    }


def payload(schema: schemas.Schema, row: Mapping[str, Any]) -> bytes:
    """The message of a row, without a frame, as fastavro writes it."""
    out = io.BytesIO()
    parsed: Any = schema.parsed
    fastavro.schemaless_writer(out, parsed, hinted(parse(schema.json), row))
    return out.getvalue()


def framed(contract: str, row: Mapping[str, Any]) -> bytes:
    """A row in the single-object framing, by the current version of a contract."""
    return framed_by(schemas.load(contract), row)


def framed_by(schema: schemas.Schema, row: Mapping[str, Any]) -> bytes:
    """A row in the single-object framing of a schema."""
    return b"\xc3\x01" + schema.fingerprint + payload(schema, row)


def confluent(schema_id: int, schema: schemas.Schema, row: Mapping[str, Any]) -> bytes:
    """A row in the Confluent framing."""
    return b"\x00" + schema_id.to_bytes(4, "big") + payload(schema, row)


def hinted(node: Node, value: Any) -> Any:
    """A value that tells fastavro which branch of a union to write: 3 is a long, not a double."""
    match node:
        case Maybe(inner):
            return None if value is None else hinted(inner, value)
        case OneOf():
            name = {str: "string", float: "double", int: "long", bool: "boolean"}[type(value)]
            return (name, value)
        case MapOf(values):
            return {key: hinted(values, item) for key, item in value.items()}
        case Record(_, fields):
            return {f.name: hinted(f.node, value[f.name]) for f in fields if f.name in value}
    if isinstance(value, list):
        return [hinted(node.items, item) for item in value]  # type: ignore[union-attr]
    return value


def batch(
    values: Sequence[bytes | None],
    *,
    keys: Sequence[bytes | None] | None = None,
    headers: Sequence[Headers] | None = None,
    topic: str = "experience-events",
    partition: int = 0,
    base: int = 100,
    append_time: int = NOW,
) -> RecordBatch:
    """Consecutive records with these values."""
    n = len(values)
    return RecordBatch(
        topic=topic,
        partition=partition,
        base=base,
        end=base + n,
        epoch=0,
        offsets=np.arange(base, base + n, dtype=np.int64),
        timestamps=np.full(n, append_time, np.int64),
        keys=[b"crm:4711"] * n if keys is None else keys,
        values=values,
        headers=[()] * n if headers is None else headers,
    )


def signed(
    value: bytes, key: bytes | None = b"crm:4711", partition: int = 0, secret: bytes = SECRET
) -> Headers:
    """Headers with the signature of a control record."""
    return ((SIGNATURE, sign(secret, "experience-events", partition, key, value)),)


def bytes_example(value: Mapping[str, Any]) -> bytes | None:
    """The value that an example of the folder `bytes` describes.

    Either `null`; or `hex`; or a `message` in hex of a `contract`; or another example (`of`),
    with fields `set`, then `cut`, `keep` or `append` (`times`) in bytes.
    """
    if value.get("null"):
        return None
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    if "message" in value:
        fingerprint = schemas.load(value["contract"]).fingerprint
        return b"\xc3\x01" + fingerprint + bytes.fromhex(value["message"])
    contract, name = value["of"].split("/")
    [example] = [e for e in schemas.examples(contract) if e.name == name]
    row = json.loads(json.dumps(example.value))
    for pointer, number in value.get("set", {}).items():
        *path, last = pointer.split("/")[1:]
        at = row
        for part in path:
            at = at[int(part)] if isinstance(at, list) else at[part]
        at[last] = float(number)
    data: bytes = framed(contract, row)
    data = data[: value.get("keep", len(data))]
    data = data[: len(data) - value.get("cut", 0)]
    added: bytes = bytes.fromhex(value.get("append", "")) * value.get("times", 1)
    return data + added


def partition_of(identity: bytes, partitions: int) -> int:
    """Where Kafka's partitioner puts a key."""
    return int(murmur2([identity])[0]) % partitions


class Registered:
    """A registry in memory, as the port has it."""

    def __init__(self, texts: Mapping[int, str]) -> None:
        self.texts = dict(texts)
        self.asked: list[int] = []

    def schema(self, schema_id: int) -> str | None:
        """The text of a schema; None where there is no such id."""
        self.asked.append(schema_id)
        return self.texts.get(schema_id)


def changed(contract: str, change: Any) -> str:
    """The text of a contract after `change(schema as a dict)`."""
    raw = json.loads(schemas.load(contract).json)
    change(raw)
    return json.dumps(raw)


def newer_event() -> str:
    """ExperienceEvent of a later release: more fields at three levels."""

    def change(raw: dict[str, Any]) -> None:
        fields = {f["name"]: f for f in raw["fields"]}
        raw["fields"].append({"name": "channel", "type": ["null", "string"], "default": None})
        commerce = fields["commerce"]["type"][1]
        commerce["fields"].append({"name": "loyalty", "type": "double", "default": 0.0})
        item = fields["productListItems"]["type"]["items"]
        item["fields"].append(
            {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []}
        )

    return changed("ExperienceEvent", change)


def older_event() -> str:
    """ExperienceEvent before marketing, custom, categories, tags and order existed."""

    def change(raw: dict[str, Any]) -> None:
        kept = [f for f in raw["fields"] if f["name"] not in ("marketing", "custom")]
        fields = {f["name"]: f for f in kept}
        commerce = fields["commerce"]["type"][1]
        commerce["fields"] = [f for f in commerce["fields"] if f["name"] != "order"]
        item = fields["productListItems"]["type"]["items"]
        item["fields"] = [f for f in item["fields"] if f["name"] != "productCategories"]
        page = next(f for f in fields["web"]["type"][1]["fields"] if f["name"] == "webPageDetails")
        details = page["type"][1]
        details["fields"] = [f for f in details["fields"] if f["name"] != "tags"]
        raw["fields"] = kept

    return changed("ExperienceEvent", change)
