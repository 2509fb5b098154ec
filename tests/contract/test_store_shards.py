"""What every shard store does: one suite over memory, a Redis server and a Redis Cluster."""

from __future__ import annotations

import asyncio

import pytest

from afflux.names import ATTRIBUTES, EVENTS, Identity
from profile_store.contract import (
    Commit,
    MemberChange,
    RowRequest,
)
from profile_store.errors import StoreMisconfigured
from store_cases import (
    KEYS,
    NONCE,
    OTHER,
    Harness,
    fence,
    first,
    person,
    position,
    request,
    rows,
    second,
)

pytest_plugins = ["store_harness"]


async def test_an_empty_shard_has_nothing(harness: Harness) -> None:
    """Where nothing was written, reads say so for each thing asked for, in its place."""
    (reply,) = await harness.store.read(
        [
            RowRequest(
                3, [(person(1), EVENTS)], [person(1), person(2)], [person(1)],
                [(person(1), ATTRIBUTES)], due_until=10, interests=[person(2)],
            )
        ]
    )  # fmt: skip
    assert (reply.shard, reply.position) == (3, b"")
    assert list(reply.fragments) == [None]
    assert list(reply.served) == [None, None]
    assert list(reply.edges) == [None]
    assert (list(reply.attributes), list(reply.interests)) == ([None], [None])
    assert (list(reply.due), reply.next_due) == ([], None)
    assert await harness.store.positions([0, 3]) == [b"", b""]
    assert await harness.store.outboxes([0, 3]) == [b"", b""]


async def test_a_commit_writes_all_of_it(harness: Harness) -> None:
    """Every part of a commit is read back, by another client too, in the order asked for."""
    (result,) = await harness.store.commit(
        [
            first(
                5, outbox=b"out", fragments=rows([1, 2]), served=[(person(1), b"served")],
                attributes=[(person(2), ATTRIBUTES, b"{}")], edges=[(person(1), b"edges")],
                deadlines={person(1): 50}, interests=[(person(2), b"tea")],
            )
        ]
    )  # fmt: skip
    assert (result.shard, result.landed) == (5, True)
    (reply,) = await harness.other.read(
        [
            RowRequest(
                5, [(person(2), EVENTS), (person(9), EVENTS), (person(1), EVENTS)], [person(1)],
                [person(1)], [(person(2), ATTRIBUTES)], due_until=51,
                interests=[person(1), person(2)],
            )
        ]
    )  # fmt: skip
    assert reply.position == position(1)
    assert list(reply.fragments) == [b"00000002", None, b"00000001"]
    assert list(reply.served) == [b"served"]
    assert list(reply.edges) == [b"edges"]
    assert list(reply.attributes) == [b"{}"]
    assert list(reply.interests) == [None, b"tea"]
    assert list(reply.due) == [(person(1), 50)]
    assert await harness.other.outboxes([5, 4]) == [b"out", b""]
    assert await harness.other.positions([4, 5]) == [b"", position(1)]


async def test_a_second_commit_replaces(harness: Harness) -> None:
    """The next commit of the same writer finds its own fence and overwrites rows and outbox."""
    await harness.store.commit([first(outbox=b"one", fragments=rows([1]))])
    (result,) = await harness.store.commit([second(fragments=[(person(1), EVENTS, b"new")])])
    assert result.landed
    (reply,) = await harness.store.read([request(numbers=[1])])
    assert (reply.position, list(reply.fragments)) == (position(2), [b"new"])
    assert await harness.store.outboxes([0]) == [b""]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (position(1), b""),
        (position(1), fence(2)),
        (position(1, OTHER), fence(1)),
        (b"", fence(1)),
        (b"short", fence(1)),
    ],
    ids=["not empty", "other version", "other nonce", "nothing there", "damaged"],
)
async def test_a_foreign_position_stops_a_commit(
    harness: Harness, stored: bytes, expected: bytes
) -> None:
    """Where the fence is another one nothing is written, and the stored position is returned."""
    if stored:
        await harness.store.commit([Commit(0, b"", stored, b"", rows([1]))])
    before = harness.dump()
    (result,) = await harness.other.commit(
        [
            Commit(
                0, expected, position(7), b"out", rows([1, 2]), [(person(1), b"s")],
                deadlines={person(1): 5},
            )
        ]
    )  # fmt: skip
    assert (result.landed, result.found) == (False, stored)
    assert harness.dump() == before


async def test_only_the_fence_is_compared(harness: Harness) -> None:
    """Bytes of the position beyond version and nonce do not matter for the comparison."""
    await harness.store.commit([Commit(0, b"", position(1, rest=b"x" * 900), b"")])
    (result,) = await harness.store.commit([second()])
    assert result.landed


async def test_shards_are_independent(harness: Harness) -> None:
    """In one call one shard's failed comparison does not touch the others."""
    await harness.store.commit([Commit(2, b"", position(4, OTHER), b"")])
    results = await harness.store.commit([first(s, fragments=rows([s])) for s in range(5)])
    assert [r.shard for r in results] == [0, 1, 2, 3, 4]
    assert [r.landed for r in results] == [True, True, False, True, True]
    assert results[2].found == position(4, OTHER)
    replies = await harness.store.read([request(s, [s]) for s in range(5)])
    assert [r.fragments[0] is None for r in replies] == [False, False, True, False, False]


async def test_a_wrong_type_in_the_middle_writes_nothing(harness: Harness) -> None:
    """A script that would fail after its first writes must find out before them."""
    await harness.store.commit([first(fragments=rows([1]), deadlines={person(1): 5})])
    harness.spoil(KEYS.deadlines(0))
    before = harness.dump()
    with pytest.raises(StoreMisconfigured):
        await harness.store.commit(
            [second(fragments=rows([1, 2]), served=[(person(1), b"s")], deadlines={person(2): 6})]
        )
    assert harness.dump() == before


async def test_a_wrong_type_of_one_shard_leaves_the_others(harness: Harness) -> None:
    """The error is raised, the other shards of the call are committed all the same."""
    harness.spoil(KEYS.deadlines(1))
    with pytest.raises(StoreMisconfigured):
        await harness.store.commit([first(s, deadlines={person(s): 5}) for s in range(3)])
    assert await harness.store.positions([0, 1, 2]) == [position(1), b"", position(1)]


async def test_a_position_of_the_wrong_type_writes_nothing(harness: Harness) -> None:
    """Something else under the name of the position is an error, not an empty shard."""
    harness.spoil(KEYS.position(0))
    with pytest.raises(StoreMisconfigured):
        await harness.store.commit([first(fragments=rows([1]))])
    (reply,) = await harness.store.read([RowRequest(0, [(person(1), EVENTS)])])
    assert list(reply.fragments) == [None]
    with pytest.raises(StoreMisconfigured):
        await harness.store.positions([0])


async def test_rows_replace_whatever_is_there(harness: Harness) -> None:
    """A row's key of another type is overwritten, so no write of a row can fail."""
    (key,) = KEYS.fragments(0, [(person(1), EVENTS)])
    harness.spoil(key)
    (result,) = await harness.store.commit([first(fragments=rows([1]))])
    assert result.landed
    (reply,) = await harness.store.read([request(numbers=[1])])
    assert list(reply.fragments) == [b"00000001"]


async def test_empty_values_delete(harness: Harness) -> None:
    """b"" deletes attributes, edges and interests, `forget` the served row; keys are gone."""
    await harness.store.commit(
        [
            first(
                fragments=rows([1]), served=[(person(1), b"s"), (person(2), b"t")],
                attributes=[(person(1), ATTRIBUTES, b"{}")], edges=[(person(1), b"e")],
                interests=[(person(1), b"i")],
            )
        ]
    )  # fmt: skip
    await harness.store.commit(
        [
            second(
                attributes=[(person(1), ATTRIBUTES, b"")], edges=[(person(1), b"")],
                forget=[person(1)], interests=[(person(1), b"")],
            )
        ]
    )  # fmt: skip
    (reply,) = await harness.store.read(
        [RowRequest(0, (), [person(1), person(2)], [person(1)], [(person(1), ATTRIBUTES)])]
    )
    assert list(reply.served) == [None, b"t"]
    assert (list(reply.edges), list(reply.attributes)) == ([None], [None])
    assert {key[:2] for key in harness.dump()} == {b"f:", b"v:", b"p:"}


async def test_expired_fragments_are_deleted(harness: Harness) -> None:
    """`expired` deletes fragments and nothing else."""
    await harness.store.commit([first(fragments=rows([1, 2]), served=[(person(1), b"s")])])
    await harness.store.commit([second(expired=[(person(1), EVENTS)])])
    (reply,) = await harness.store.read(
        [RowRequest(0, [(person(1), EVENTS), (person(2), EVENTS)], [person(1)])]
    )
    assert list(reply.fragments) == [None, b"00000002"]
    assert list(reply.served) == [b"s"]


async def test_due_deadlines_come_earliest_first(harness: Harness) -> None:
    """Deadlines before the limit, by time and then identity; the next one is told as well."""
    deadlines = {person(3): 30, person(1): 10, person(22): 20, person(21): 20, person(4): 40}
    await harness.store.commit([first(deadlines=deadlines)])
    (reply,) = await harness.store.read([request(due_until=30)])
    assert list(reply.due) == [(person(1), 10), (person(21), 20), (person(22), 20)]
    assert reply.next_due == 30
    (reply,) = await harness.store.read([request(due_until=100)])
    assert [at for _, at in reply.due] == [10, 20, 20, 30, 40]
    assert reply.next_due is None
    (reply,) = await harness.store.read([request(due_until=5)])
    assert (list(reply.due), reply.next_due) == ([], 10)


async def test_due_deadlines_are_limited(harness: Harness) -> None:
    """No more than the limit, and the earliest beyond it is the next one."""
    await harness.store.commit([first(deadlines={person(n): 10 + n for n in range(6)})])
    (reply,) = await harness.store.read([request(due_until=100, due_limit=2)])
    assert list(reply.due) == [(person(0), 10), (person(1), 11)]
    assert reply.next_due == 12
    (reply,) = await harness.store.read([request(due_until=100, due_limit=0)])
    assert (list(reply.due), reply.next_due) == ([], 10)


async def test_deadlines_move_and_end(harness: Harness) -> None:
    """A new deadline replaces the old one, 0 removes it, of unknown identities too."""
    await harness.store.commit([first(deadlines={person(1): 10, person(2): 20, person(3): 30})])
    await harness.store.commit([second(deadlines={person(1): 40, person(2): 0, person(9): 0})])
    (reply,) = await harness.store.read([request(due_until=10**15)])
    assert list(reply.due) == [(person(3), 30), (person(1), 40)]


async def test_deadlines_keep_their_milliseconds(harness: Harness) -> None:
    """Times of today, of 1969 and of the far future come back exactly."""
    at = {person(1): 1_764_000_123_457, person(2): -123_457, person(3): 99_999_999_999_999}
    await harness.store.commit([first(deadlines=at)])
    (reply,) = await harness.store.read([request(due_until=10**15)])
    assert dict(reply.due) == at


async def test_reads_without_due_do_not_look(harness: Harness) -> None:
    """Deadlines are only read where asked for."""
    await harness.store.commit([first(deadlines={person(1): 10})])
    (reply,) = await harness.store.read([request()])
    assert (list(reply.due), reply.next_due) == ([], None)


async def test_a_large_commit_lands_whole(harness: Harness) -> None:
    """Far more rows, deletes and deadlines than a script may pass to one command."""
    many = range(9000)
    await harness.store.commit(
        [
            first(
                fragments=rows(many, 700), edges=[(person(n), b"e") for n in many],
                deadlines={person(n): 1 + n for n in many},
            )
        ]
    )  # fmt: skip
    (result,) = await harness.store.commit(
        [
            second(
                edges=[(person(n), b"") for n in many],
                deadlines={person(n): (n % 2) * 5 for n in many},
            )
        ]
    )
    assert result.landed
    (reply,) = await harness.store.read([request(numbers=many, due_until=10, due_limit=9000)])
    assert [row is not None and len(row) for row in reply.fragments] == [700] * len(many)
    assert len(reply.due) == len(many) // 2
    assert len(harness.dump()) == len(many) + 2


async def test_odd_identities_have_keys_of_their_own(harness: Harness) -> None:
    """Identities that only escaping tells apart do not share a row, whoever stands beside them."""
    odd = [
        Identity(name.encode())
        for name in ("e:a b", "e:a%20b", "e:a:events", "e:a", "e:a{b}", "e:ä", "e:a\nb:c", "e:%")
    ]
    fragments = [(identity, EVENTS, b"%d" % n) for n, identity in enumerate(odd)]
    await harness.store.commit([first(fragments=fragments, deadlines=dict.fromkeys(odd, 3))])
    replies = await harness.store.read(
        [RowRequest(0, [(i, EVENTS) for i in odd], due_until=4)]
        + [RowRequest(0, [(i, EVENTS)]) for i in odd]
    )
    assert list(replies[0].fragments) == [b"%d" % n for n in range(len(odd))]
    assert [reply.fragments[0] for reply in replies[1:]] == list(replies[0].fragments)
    assert {identity for identity, _ in replies[0].due} == set(odd)


async def test_binary_rows_are_untouched(harness: Harness) -> None:
    """Values are bytes: zeros, line ends and bytes that look like the protocol come back."""
    nasty = b"\x00\r\n$-1\r\n" + bytes(range(256))
    await harness.store.commit([first(fragments=[(person(1), EVENTS, nasty)], outbox=nasty)])
    (reply,) = await harness.store.read([request(numbers=[1])])
    assert list(reply.fragments) == [nasty]
    assert await harness.store.outboxes([0]) == [nasty]


async def test_of_two_writers_one_wins_each_time(harness: Harness) -> None:
    """Two writers race on one shard: each version is written once, and never a mixture."""

    async def write(store_index: int, nonce: bytes) -> int:
        store = (harness.store, harness.other)[store_index]
        landed, (found,) = 0, await store.positions([0])
        while (version := int.from_bytes(found[:8], "little")) < 40:
            mine = position(version + 1, nonce)
            (result,) = await store.commit(
                [Commit(0, found[:24], mine, nonce, [(person(1), EVENTS, mine)])]
            )
            landed += result.landed
            found = mine if result.landed else result.found
            (reply,) = await store.read([request(numbers=[1])])
            assert reply.fragments[0] == reply.position
        return landed

    landed = await asyncio.gather(write(0, NONCE), write(1, OTHER))
    assert sum(landed) == 40


async def test_nothing_to_do_is_fine(harness: Harness) -> None:
    """Empty calls return empty lists."""
    assert await harness.store.read([]) == []
    assert await harness.store.commit([]) == []
    assert await harness.store.positions([]) == []
    assert await harness.store.current_snapshots([]) == []


async def test_memberships_and_members_are_part_of_the_commit(harness: Harness) -> None:
    """Rows, sets and the progress of a back-fill are written, changed and ended, or not at all."""
    one, two, three = (person(n) for n in (1, 2, 3))
    await harness.store.commit(
        [
            first(
                5, memberships=[(one, b"in"), (two, b"in")], swept=b"half",
                members={"a": MemberChange([one, two]), "b b": MemberChange([two])},
                deadlines={one: 7},
            )
        ]
    )  # fmt: skip
    (reply,) = await harness.other.read([RowRequest(5, memberships=[two, three, one])])
    assert list(reply.memberships) == [b"in", None, b"in"]
    lost = Commit(5, fence(9), position(10), b"", members={"a": MemberChange([three])})
    assert not (await harness.store.commit([lost]))[0].landed
    await harness.store.commit(
        [
            second(
                5, memberships=[(one, b""), (two, b"new")], swept=b"done",
                members={
                    "a": MemberChange([three], [one, person(9)]), "b b": MemberChange([], [two]),
                },
            )
        ]
    )  # fmt: skip
    (reply,) = await harness.other.read([RowRequest(5, [(one, EVENTS)], memberships=[one, two])])
    assert list(reply.memberships) == [None, b"new"]
    dump = harness.dump()
    assert dump[KEYS.members(5, "a")] == {two: 0, three: 0}
    assert KEYS.members(5, "b b") not in dump
    assert dump[KEYS.swept(5)] == b"done"
    assert dump[KEYS.deadlines(5)] == {one: 7}


async def test_members_of_another_type_stop_the_commit_before_it_writes(harness: Harness) -> None:
    """A script that fails half-way is not rolled back, so types are looked at first."""
    harness.spoil(KEYS.members(5, "a"))
    with pytest.raises(StoreMisconfigured):
        await harness.store.commit(
            [first(5, fragments=rows([1]), members={"a": MemberChange([person(1)])})]
        )
    assert set(harness.dump()) == {KEYS.members(5, "a")}
