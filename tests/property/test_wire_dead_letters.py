"""A dead letter keeps the source record whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.codes import REJECTED, Code
from streams.dead_letter_codec import (
    PREFIX,
    DeadLetter,
    DeadLetterError,
    dead_letters,
    decode_dead_letter,
    encode_headers,
)
from streams.decoding import Decoder
from wire_cases import LIMITS, NOW, SECRET, batch

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.sampled_from(["code", "offset", "original-code", "original-x"]).map(PREFIX.__add__)
    | st.just("afflux-signature")
)
letters = st.builds(
    DeadLetter,
    code=st.sampled_from(REJECTED),
    pointer=texts,
    message=texts,
    topic=texts,
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(-1, 2**63 - 1),
    schema=texts,
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(names, st.none() | st.binary()), max_size=5).map(tuple),
)


@given(letters)
def test_there_and_back(letter: DeadLetter) -> None:
    """Every field returns, and the record's own headers with their order, repeats and nulls."""
    assert decode_dead_letter(letter.key, letter.value, encode_headers(letter)) == letter


@given(letters)
def test_a_dead_letter_of_a_dead_letter(letter: DeadLetter) -> None:
    """A record of a dead-letter topic that is rejected in its turn still has its first story."""
    outer = DeadLetter(
        Code.internal, "", "again", "t", 0, 1, 2, "", letter.key, letter.value,
        tuple(encode_headers(letter)),
    )  # fmt: skip
    found = decode_dead_letter(outer.key, outer.value, encode_headers(outer))
    assert decode_dead_letter(found.key, found.value, found.headers) == letter


@given(st.lists(st.tuples(names, st.none() | st.binary(max_size=5)), max_size=8))
def test_any_headers(headers: list[tuple[str, bytes]]) -> None:
    """Headers of a stranger are refused by the one error that readers expect."""
    with pytest.raises(DeadLetterError, match="no dead letter"):
        decode_dead_letter(b"k", b"v", headers)


def test_from_a_batch() -> None:
    """What the decoder rejects becomes letters with the source's place, bytes and headers."""
    own = (("trace", b"1"), ("trace", b"2"))
    records = batch([b"{}", None], keys=[b"k", None], headers=[own, ()])
    _, bad = Decoder(LIMITS, SECRET).events(records)
    first, second = dead_letters(records, bad)
    assert first.id == ("experience-events", 0, 100)
    assert (first.code, first.key, first.value, first.headers) == (
        Code.unknown_frame,
        b"k",
        b"{}",
        own,
    )
    assert (second.code, second.key, second.value, second.timestamp) == (
        Code.no_value,
        None,
        None,
        NOW,
    )
