"""Control records to and from bytes. They always have the single-object framing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import fastavro

import schemas
from afflux.codes import Code
from afflux.names import Identity
from afflux.outcome import Control
from afflux.shards import murmur2, partition_of
from afflux.validation import MAX_ID_BYTES, NAMESPACE
from streams.avro_faults import Fault, Walker
from streams.avro_tree import parse
from streams.control_signing import SIGNATURE, verify
from streams.framing import SINGLE_OBJECT, SINGLE_OBJECT_HEAD
from streams.records import RecordBatch

_NEEDS_OTHER = ("edge", "unlink", "forget")
KINDS = (*_NEEDS_OTHER, "delete", "opt_out", "opt_in", "tick")


class ControlDecoder:
    """Control records of the partitions of one topic; never raises for their bytes."""

    def __init__(self, secret: bytes, partitions: int, skew_ms: int) -> None:
        self._secret = secret
        self._partitions = partitions
        self._skew_ms = skew_ms
        self._walkers: dict[bytes, tuple[Walker, Any]] = {}
        self._reader: Any = schemas.load("ControlRecord").parsed

    def decode(self, records: RecordBatch, i: int, schema: schemas.Schema) -> Control | Fault:
        """Record i, which is framed as a control record of `schema`; signature checked first."""
        key, value = records.keys[i], records.values[i]
        assert value is not None
        signature = _header(records.headers[i])
        if signature is None:
            return Fault(Code.control_unsigned, "", f"the header {SIGNATURE} is missing")
        where = (records.topic, records.partition)
        if not verify(self._secret, *where, key, value, signature):
            message = f"the header {SIGNATURE} is not the signature of this record at this place"
            return Fault(Code.control_unsigned, "", message)
        fields = self._fields(value[SINGLE_OBJECT_HEAD:], schema)
        if isinstance(fields, Fault):
            return fields
        place = (int(records.offsets[i]), int(records.timestamps[i]), records.partition)
        return self._control(fields, *place)

    def _fields(self, payload: bytes, schema: schemas.Schema) -> dict[str, Any] | Fault:
        if schema.fingerprint not in self._walkers:
            self._walkers[schema.fingerprint] = (Walker(parse(schema.json)), schema.parsed)
        walker, writer = self._walkers[schema.fingerprint]
        fault = walker.fault(payload)
        if fault is not None:
            message = f"{fault.code.name}: {fault.message}"
            return Fault(Code.control_invalid, fault.pointer, message)
        fields: Any = fastavro.schemaless_reader(io.BytesIO(payload), writer, self._reader)
        return dict(fields)

    def _control(
        self, fields: dict[str, Any], offset: int, append_time: int, partition: int
    ) -> Control | Fault:
        kind, timestamp = fields["kind"], fields["timestamp"]
        if kind not in KINDS:
            return Fault(Code.control_invalid, "/kind", f"{kind!r} is none of {', '.join(KINDS)}")
        needs = {
            "identity": kind != "tick",
            "other": kind in _NEEDS_OTHER,
        }
        for name, needed in needs.items():
            text = fields[name]
            if needed and parse_identity((text or "").encode()) is None:
                message = f"{text!r} is no namespace:id, which {kind} needs"
                return Fault(Code.control_invalid, f"/{name}", message)
            if not needed and text is not None:
                return Fault(Code.control_invalid, f"/{name}", f"{kind} has none")
        if len(fields["eventId"].encode()) > MAX_ID_BYTES:
            return Fault(Code.control_invalid, "/eventId", f"more than {MAX_ID_BYTES} bytes")
        origin = fields["origin"]
        if origin is None and kind != "tick" and timestamp > append_time + self._skew_ms:
            message = f"{timestamp - append_time} ms after the record's own timestamp"
            return Fault(Code.control_invalid, "/timestamp", message)
        identity = _identity(fields["identity"])
        hashes = murmur2([identity or b""])
        if identity is not None and int(partition_of(hashes, self._partitions)[0]) != partition:
            return Fault(Code.wrong_partition, "/identity", "the identity lives elsewhere")
        return Control(
            kind=kind,
            offset=offset,
            timestamp=timestamp,
            append_time=append_time,
            identity=identity,
            identity_hash=int(hashes[0]) if identity is not None else partition,
            other=_identity(fields["other"]),
            event_id=fields["eventId"],
            origin=(origin["shard"], origin["offset"], origin["rank"]) if origin else None,
        )


def encode_control(control: Control) -> bytes:
    """A control record as bytes, not signed: see `control_signing.sign`."""
    schema = schemas.load("ControlRecord")
    fields = {
        "kind": control.kind,
        "timestamp": control.timestamp,
        "identity": control.identity.decode() if control.identity is not None else None,
        "other": control.other.decode() if control.other is not None else None,
        "eventId": control.event_id,
        "origin": dict(zip(("shard", "offset", "rank"), control.origin, strict=True))
        if control.origin
        else None,
    }
    out = io.BytesIO()
    out.write(SINGLE_OBJECT + schema.fingerprint)
    parsed: Any = schema.parsed
    fastavro.schemaless_writer(out, parsed, fields)
    return out.getvalue()


def parse_identity(data: bytes) -> Identity | None:
    """`namespace:id` if it is one by the rules, else None.

    >>> parse_identity(b"crm:1"), parse_identity(b"crm:"), parse_identity(b"7:1")
    (b'crm:1', None, None)
    """
    namespace, colon, name = data.partition(b":")
    try:
        text = namespace.decode()
        name.decode()
    except UnicodeDecodeError:
        return None
    fits = colon and 0 < len(name) <= MAX_ID_BYTES and NAMESPACE.fullmatch(text)
    return Identity(data) if fits else None


def _identity(text: str | None) -> Identity | None:
    return Identity(text.encode()) if text is not None else None


def _header(headers: Sequence[tuple[str, bytes]]) -> bytes | None:
    return next((v for name, v in headers if name == SIGNATURE and v is not None), None)
