"""What is wrong with a message, and where: a strict walk over Avro bytes.

It makes no values; it follows a schema tree from the first byte to the last, and a message is
good if and only if it ends at its last byte without a fault. fastavro takes booleans other than
0 and 1, varints of any length and negative branches: not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from afflux.codes import Code
from afflux.findings import escape
from streams.avro_tree import ListOf, MapOf, Maybe, Node, OneOf, Record, Scalar

_Step = Callable[[bytes, int], int]
"""Bytes and a place in them -> the place after the value."""

_WORD = 1 << 64
_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """Why bytes are no message of a schema."""

    code: Code
    pointer: str
    message: str


class _Broken(Exception):
    """Raised while walking; each level adds its part of the pointer."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.parts: list[str] = []


class Walker:
    """Finds the first fault of messages of one schema."""

    def __init__(self, record: Record) -> None:
        self._step = _compile(record)

    def fault(self, payload: bytes) -> Fault | None:
        """The first fault of a message (without its frame); None if it is good."""
        try:
            end = self._step(payload, 0)
        except _Broken as broken:
            pointer = "".join(f"/{escape(part)}" for part in reversed(broken.parts))
            return Fault(broken.code, pointer, broken.message)
        if end < len(payload):
            message = f"{len(payload) - end} bytes follow the message, which ends after {end}"
            return Fault(Code.trailing_bytes, "", message)
        return None


def _compile(node: Node) -> _Step:
    match node:
        case Scalar("string"):
            return _string
        case Scalar("long"):
            return _skip_long
        case Scalar("boolean"):
            return _boolean
        case Scalar(kind):
            return _fixed(4 if kind == "float" else 8)
        case Maybe(inner, null_first):
            steps = (_nothing, _compile(inner))
            return _union(steps if null_first else steps[::-1])
        case OneOf(branches):
            return _union(tuple(_compile(b) for b in branches))
        case ListOf(items):
            return _blocks(_compile(items), named=False)
        case MapOf(values):
            return _blocks(_compile(values), named=True)
        case Record(_, fields):
            return _record(tuple((f.name, _compile(f.node)) for f in fields))


def _long(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for _ in range(_VARINT_BYTES):
        if at >= len(data):
            raise _truncated(data)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            value %= _WORD  # ten bytes hold 70 bits: readers drop the upper six
            return (value >> 1) ^ -(value & 1), at
        shift += 7
    raise _Broken(Code.invalid_avro, f"a number at byte {at - _VARINT_BYTES} does not end")


def _skip_long(data: bytes, at: int) -> int:
    return _long(data, at)[1]


def _string(data: bytes, at: int) -> int:
    length, start = _long(data, at)
    if length < 0:
        raise _Broken(Code.invalid_avro, f"a text at byte {at} has the length {length}")
    end = start + length
    if end > len(data):
        raise _truncated(data)
    try:
        data[start:end].decode()
    except UnicodeDecodeError as error:
        message = f"byte {start + error.start} is not UTF-8: {error.reason}"
        raise _Broken(Code.invalid_utf8, message) from None
    return end


def _boolean(data: bytes, at: int) -> int:
    if at >= len(data):
        raise _truncated(data)
    if data[at] > 1:
        raise _Broken(Code.invalid_avro, f"byte {at} is {data[at]}, a boolean is 0 or 1")
    return at + 1


def _nothing(data: bytes, at: int) -> int:
    return at


def _fixed(size: int) -> _Step:
    def step(data: bytes, at: int) -> int:
        if at + size > len(data):
            raise _truncated(data)
        return at + size

    return step


def _union(steps: tuple[_Step, ...]) -> _Step:
    def step(data: bytes, at: int) -> int:
        branch, start = _long(data, at)
        if not 0 <= branch < len(steps):
            raise _Broken(
                Code.invalid_avro, f"branch {branch} at byte {at} of a union of {len(steps)}"
            )
        return steps[branch](data, start)

    return step


def _blocks(step: _Step, named: bool) -> _Step:
    def walk(data: bytes, at: int) -> int:
        index = 0
        while True:
            count, at = _long(data, at)
            if count == 0:
                return at
            if count < 0:
                count, at = -count, _skip_long(data, at)
            for _ in range(count):
                at = element(data, at, index)
                index += 1

    def element(data: bytes, at: int, index: int) -> int:
        part = str(index)
        try:
            if named:
                start = _long(data, at)[1]
                at = _string(data, at)
                part = data[start:at].decode()
            return step(data, at)
        except _Broken as broken:
            broken.parts.append(part)
            raise

    return walk


def _record(fields: tuple[tuple[str, _Step], ...]) -> _Step:
    def step(data: bytes, at: int) -> int:
        name = ""
        try:
            for name, field in fields:  # noqa: B007 - the name is read below
                at = field(data, at)
        except _Broken as broken:
            broken.parts.append(name)
            raise
        return at

    return step


def _truncated(data: bytes) -> _Broken:
    return _Broken(Code.truncated, f"the message goes on after its last byte, {len(data)}")
