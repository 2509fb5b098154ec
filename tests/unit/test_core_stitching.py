"""Who belongs to a profile, who is left out, and why."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from afflux.identity import (
    MAX_NEIGHBOURS,
    MAX_OWNERS,
    Edge,
    Edges,
    component,
    is_shared,
    stitch,
)
from afflux.names import Identity


def graph(*links: tuple[str, str]) -> dict[Identity, Edges]:
    """Live edges in both directions, later ones newer."""
    found: dict[Identity, Edges] = {}
    for n, pair in enumerate(links):
        a, b = (Identity(one.encode()) for one in pair)
        for one, other in ((a, b), (b, a)):
            found[one] = found.get(one, Edges()).put(other, Edge(n + 1, f"e{n}", True))
    return found


def test_each_reason_is_told() -> None:
    """A second customer, one beyond the cap, and a value that too many share."""
    known = graph(("crm:1", "web:a"), ("web:a", "crm:2"))
    assert stitch(Identity(b"crm:1"), known.get).left_out == {b"crm:2": "unique"}
    chain = graph(*((f"web:{n}", f"web:{n + 1}") for n in range(60)))
    long = stitch(Identity(b"web:0"), chain.get)
    assert len(long.taken) == 50
    assert long.left_out == {b"web:50": "cap"}
    shop = graph(*((f"crm:{n}", "email:shop") for n in range(MAX_OWNERS + 1)))
    assert stitch(Identity(b"crm:0"), shop.get).left_out == {b"email:shop": "shared"}


@pytest.mark.parametrize(("space", "most"), [("crm", MAX_OWNERS), ("web", MAX_NEIGHBOURS)])
def test_so_many_neighbours_are_too_many(space: str, most: int) -> None:
    """At the limit it links; one more and it links nobody, nor itself; a cut one is none."""
    links = [(f"{space}:{n}", "email:x") for n in range(most)]
    known = graph(*links)
    email = Identity(b"email:x")
    assert not is_shared(known[email])
    assert email in component(Identity(f"{space}:0".encode()), known.get)
    known = graph(*links, (f"{space}:last", "email:x"))
    assert is_shared(known[email])
    assert component(Identity(f"{space}:0".encode()), known.get) == [f"{space}:0".encode()]
    assert component(email, known.get) == [email]
    cut = Edge(10_000, "cut", False)
    known[email] = known[email].put(Identity(f"{space}:last".encode()), cut)
    assert not is_shared(known[email])


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_links_does_not_matter(seed: int) -> None:
    """The same links in any order, some of them twice, are the same people."""
    rng = random.Random(seed)
    spaces = ("crm", "email", "web")
    links = [
        (Identity(f"{rng.choice(spaces)}:{rng.randrange(5)}".encode()), rng.randrange(50), f"e{n}")
        for n in range(30)
    ]
    pairs = list(pairwise(links))

    def built(order: list[int]) -> dict[Identity, Edges]:
        found: dict[Identity, Edges] = {}
        for k in order:
            (a, at, event), (b, _, _) = pairs[k]
            if a != b:
                edge = Edge(at, event, k % 7 != 0)
                found[a] = found.get(a, Edges()).put(b, edge)
                found[b] = found.get(b, Edges()).put(a, edge)
        return found

    order = list(range(len(pairs)))
    first = built(order)
    rng.shuffle(order)
    second = built([*order, *rng.choices(order, k=10)])
    assert first == second
    for who in first:
        assert stitch(who, first.get) == stitch(who, second.get)
