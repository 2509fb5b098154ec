"""The outbox survives its stored form, and damage to it is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.names import Identity
from streams.enrich.outbox import Outbox, OutboxError

blobs = st.binary(max_size=40)
outboxes = st.builds(
    Outbox,
    st.lists(blobs, max_size=5),
    st.lists(blobs, max_size=3),
    st.lists(st.tuples(blobs, blobs), max_size=5),
    st.lists(st.tuples(blobs, blobs), max_size=5),
)


@given(outboxes)
def test_decode_gives_back_what_was_encoded(box: Outbox) -> None:
    """Any owners, examples and controls come back in the same order."""
    back = Outbox.decode(box.encode())
    assert list(back.owners) == list(box.owners)
    assert list(back.retracted) == list(box.retracted)
    assert list(back.examples) == list(box.examples)
    assert list(back.controls) == list(box.controls)


@given(outboxes.filter(bool), st.data())
def test_a_cut_outbox_is_refused(box: Outbox, data: st.DataObject) -> None:
    """Losing the tail of an outbox is an error, never a shorter announcement."""
    whole = box.encode()
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(OutboxError):
        Outbox.decode(whole[:cut])


def test_a_foreign_format_is_refused() -> None:
    """An outbox of a later version is not guessed at."""
    data = bytearray(Outbox(owners=[Identity(b"crm:1")]).encode())
    data[0] = 9
    with pytest.raises(OutboxError, match="format 9"):
        Outbox.decode(bytes(data))
