"""Edges are last-writer-wins and canonical; a profile is a deterministic walk over them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.identity import MAX_EDGES, Edge, Edges, EdgesError, component, profile_id_of
from afflux.names import Identity

A, B, C, D = (Identity(b"crm:" + x) for x in (b"a", b"b", b"c", b"d"))
PHONE, TABLET = Identity(b"device:phone"), Identity(b"device:tablet")

EDGES = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.builds(Edge, st.integers(0, 3), st.sampled_from(["x", "y"]), st.booleans()),
    ),
    max_size=8,
)


def linked(*edges: tuple[Identity, Identity, int]) -> dict[Identity, Edges]:
    """A symmetrical graph of live edges (one end, other end, time)."""
    graph: dict[Identity, Edges] = {}
    for one, other, time in edges:
        for here, there in ((one, other), (other, one)):
            graph[here] = graph.get(here, Edges()).put(there, Edge(time, "e", True))
    return graph


@given(EDGES, st.randoms())
def test_order_of_edges_does_not_matter(edges: list[tuple[Identity, Edge]], random: object) -> None:
    """The last (time, event id) wins, an unlink on a tie, whatever comes first."""
    forward, backward = Edges(), Edges()
    for other, edge in edges:
        forward = forward.put(other, edge)
    for other, edge in reversed(edges):
        backward = backward.put(other, edge)
    assert forward.encode() == backward.encode()


@given(EDGES)
def test_stored_edges_come_back(edges: list[tuple[Identity, Edge]]) -> None:
    """Bytes and edges are the same thing twice."""
    table = Edges()
    for other, edge in edges:
        table = table.put(other, edge)
    assert Edges.decode(table.encode()) == table
    assert table.live == len(table.others())


def test_no_edges_are_no_bytes() -> None:
    """An empty value means that the key is deleted."""
    assert Edges().encode() == b""
    assert Edges.decode(b"") == Edges.decode(None) == Edges()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_damaged_edges_are_refused(cut: int) -> None:
    """Cut bytes are an error, not fewer edges."""
    data = Edges().put(A, Edge(5, "event", True)).encode()
    with pytest.raises(EdgesError):
        Edges.decode(data[:-cut])
    with pytest.raises(EdgesError):
        Edges.decode(data + b"x")


def test_only_the_newest_edges_are_kept() -> None:
    """A device that everybody touches does not grow without bound."""
    edges = Edges()
    for i in range(MAX_EDGES + 10):
        edges = edges.put(Identity(b"crm:%d" % i), Edge(i, "e", True))
    assert len(edges) == MAX_EDGES
    assert edges.get(Identity(b"crm:9")) is None
    assert edges.others()[0] == b"crm:%d" % (MAX_EDGES + 9)


def test_component_goes_newest_first() -> None:
    """The order of the identities of a profile is by the age of their links."""
    graph = linked((PHONE, A, 1), (PHONE, TABLET, 9))
    assert component(PHONE, graph.get) == [PHONE, TABLET, A]
    assert component(A, graph.get) == [A, PHONE, TABLET]


def test_shared_device_joins_no_two_people() -> None:
    """Two customer numbers on a phone stay two profiles; the phone is of the newer one."""
    graph = linked((PHONE, A, 1), (PHONE, B, 2))
    assert component(A, graph.get) == [A, PHONE]
    assert component(B, graph.get) == [B, PHONE]
    assert component(PHONE, graph.get) == [PHONE, B]


def test_component_has_a_cap() -> None:
    """At most so many, the newest."""
    graph = linked(*((PHONE, Identity(b"device:%d" % i), i) for i in range(60)))
    assert len(component(PHONE, graph.get)) == 50
    assert component(PHONE, graph.get, cap=2) == [PHONE, Identity(b"device:59")]


def test_cut_links_are_not_followed() -> None:
    """An unlink takes the other end out of the profile."""
    graph = {A: Edges().put(PHONE, Edge(1, "e", True)).put(PHONE, Edge(2, "f", False))}
    assert component(A, graph.get) == [A]


def test_profile_id_does_not_depend_on_the_order() -> None:
    """Whoever looks sees the same id."""
    assert profile_id_of([A, PHONE]) == profile_id_of([PHONE, A]) != profile_id_of([PHONE])
