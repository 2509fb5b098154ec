"""Names of keys and the table of hash tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.names import EVENTS, Identity
from profile_store.hash_tags import SLOTS, TABLE, find_tags, slot_of, tag_of_slot
from profile_store.keys import (
    Keys,
    current_key,
    escape,
    escape_identities,
    model_slot,
    snapshot_key,
)

identities = st.builds(
    lambda namespace, name: Identity(f"{namespace}:{name}".encode()),
    st.sampled_from(["crm", "email", "a.b-c"]),
    st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() or "\n" in text)
    | st.text("a:%\n{} @", min_size=1, max_size=6),
)


def test_each_tag_gives_its_slot() -> None:
    """CRC16 of every tag in the table is its line number, so all slots have a tag."""
    assert [slot_of(tag_of_slot(slot)) for slot in range(SLOTS)] == list(range(SLOTS))


def test_the_table_is_what_its_script_writes() -> None:
    """The committed file can be made again."""
    assert TABLE.read_bytes().split() == find_tags()


def test_crc_is_that_of_redis() -> None:
    """Slots that Redis's documentation and servers give for these tags."""
    assert (slot_of(b"123456789"), slot_of(b"foo"), slot_of(b"user1000")) == (12739, 12182, 3443)


@pytest.mark.parametrize("shards", [1, 3, 16, 64, 1000, SLOTS])
def test_shards_are_spaced_evenly(shards: int) -> None:
    """No two shards share a slot, and gaps between slots differ by at most one."""
    keys = Keys(shards)
    slots = [slot_of(keys.position(s)[3:-1]) for s in range(shards)]
    gaps = {b - a for a, b in zip(slots, [*slots[1:], SLOTS], strict=True)}
    assert len(set(slots)) == shards
    assert max(gaps) - min(gaps) <= 1


def test_all_keys_of_a_shard_carry_its_tag() -> None:
    """One slot a shard, whatever is stored."""
    keys, i = Keys(64), Identity(b"crm:{x}")
    names = [
        keys.position(7), keys.outbox(7), keys.deadlines(7), keys.barrier(7),
        *keys.fragments(7, [(i, EVENTS)]), *keys.attributes(7, [(i, EVENTS)]),
        *keys.served(7, [i]), *keys.edges(7, [i]),
    ]  # fmt: skip
    assert {slot_of(n[n.index(b"{") + 1 : n.index(b"}")]) for n in names} == {keys.slot(7)}
    assert len(set(names)) == len(names)


def test_model_keys_share_a_slot() -> None:
    """A snapshot and the name of the current one can be written together."""
    for model in ("churn", "life time:value", "{}"):
        tags = {
            key[key.index(b"{") + 1 : key.index(b"}")]
            for key in (current_key(model), snapshot_key(model, "00ff"))
        }
        assert {slot_of(tag) for tag in tags} == {model_slot(model)}


@pytest.mark.parametrize("shards", [0, -1, SLOTS + 1])
def test_impossible_numbers_of_shards_are_refused(shards: int) -> None:
    """More shards than slots would share tags."""
    with pytest.raises(ValueError, match="shards must be"):
        Keys(shards)


@given(st.lists(identities, max_size=8))
def test_escaping_does_not_depend_on_the_company(many: list[Identity]) -> None:
    """Each identity has the same key alone and in any list, and no two have the same."""
    together = list(escape_identities(many))
    assert together == [escape_identities([one])[0] for one in many]
    assert len(set(together)) == len(set(many))


@given(st.binary(max_size=20))
def test_escaped_parts_hold_nothing_that_separates(part: bytes) -> None:
    """No colon, brace or control character is left, and the part can be read back."""
    from urllib.parse import unquote_to_bytes

    escaped = escape(part)
    assert not set(escaped) & set(b":{} \r\n")
    assert unquote_to_bytes(escaped) == part


@given(st.lists(st.binary(max_size=6), max_size=5))
def test_malformed_identities_take_the_slow_way(many: list[bytes]) -> None:
    """Even what is no identity gets the same key in any company."""
    assert list(escape_identities([Identity(one) for one in many])) == [
        escape_identities([Identity(one)])[0] for one in many
    ]
