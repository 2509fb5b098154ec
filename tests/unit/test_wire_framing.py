"""Frames and signatures."""

from __future__ import annotations

import pyarrow as pa
import pytest

from streams.control_signing import sign, verify
from streams.framing import schema_id_of, single_objects, texts, writer_of

RECORD = ("experience-events", 3, b"crm:1", b"value")
SIGNATURE = sign(b"secret", *RECORD)


@pytest.mark.parametrize("value", [b"", b"\xc3", b"\xc3\x01short", b"\x00\x00", b"{}", b"\xc3\x02"])
def test_no_frame(value: bytes) -> None:
    """Bytes with half a frame or none have none."""
    assert writer_of(value) == b""


def test_frames_of_values() -> None:
    """A frame is all that stands before the message, and the message is the rest."""
    [value] = single_objects(b"12345678", pa.array([b"message"], pa.binary()))
    assert value == b"\xc3\x0112345678message"
    assert writer_of(value) == b"\xc3\x0112345678"
    assert schema_id_of(writer_of(value)) == "0x3132333435363738"
    assert schema_id_of(writer_of(b"\x00\x00\x00\x01\x00message")) == "256"


def test_texts_of_a_slice() -> None:
    """The bytes of a slice are those of its own rows."""
    array = pa.array(["a", None, "ccc", "dd"])
    assert texts(array) == [b"a", b"", b"ccc", b"dd"]
    assert texts(array.slice(1, 2)) == [b"", b"ccc"]
    assert texts(array.slice(4)) == []


def test_a_signature_is_good_at_its_place() -> None:
    """The same record at the same place has the signature that it was given."""
    assert verify(b"secret", *RECORD, SIGNATURE)


@pytest.mark.parametrize(
    "record",
    [
        ("profile-attributes", 3, b"crm:1", b"value"),
        ("experience-events", 4, b"crm:1", b"value"),
        ("experience-events", 3, b"crm:2", b"value"),
        ("experience-events", 3, None, b"value"),
        ("experience-events", 3, b"crm:1v", b"alue"),
        ("experience-events", 3, b"crm:1", b"value "),
    ],
)
def test_a_signature_is_good_nowhere_else(record: tuple[str, int, bytes | None, bytes]) -> None:
    """A signed record cannot be copied elsewhere or changed; bytes cannot move between parts."""
    assert not verify(b"secret", *record, SIGNATURE)


def test_another_secret() -> None:
    """A signature by another key, a cut one, and any without a secret are refused."""
    assert not verify(b"Secret", *RECORD, SIGNATURE)
    assert not verify(b"secret", *RECORD, SIGNATURE[:-1])
    assert not verify(b"", *RECORD, SIGNATURE)
    with pytest.raises(ValueError, match="secret"):
        sign(b"", *RECORD)


def test_no_key_is_not_an_empty_key() -> None:
    """A null key and an empty one are signed apart."""
    assert sign(b"s", "t", 0, None, b"v") != sign(b"s", "t", 0, b"", b"v")
