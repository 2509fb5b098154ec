"""Betweenness against the definition, on small random graphs."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from afflux.bridges import betweenness, parts_without

Graph = dict[int, list[int]]


def random_graph(seed: int) -> Graph:
    """Up to eight nodes, some of them alone."""
    rng = random.Random(seed)
    n = rng.randint(1, 8)
    graph: Graph = {node: [] for node in range(n)}
    for a in range(n):
        for b in range(a):
            if rng.random() < 0.4:
                graph[a].append(b)
                graph[b].append(a)
    return graph


def shortest(graph: Graph, a: int, b: int) -> list[tuple[int, ...]]:
    """All shortest paths, by trying every order of every set of nodes between."""
    others = [n for n in graph if n not in (a, b)]
    for size in range(len(others) + 1):
        found = [
            (a, *between, b)
            for between in permutations(others, size)
            if all(y in graph[x] for x, y in zip((a, *between), (*between, b), strict=True))
        ]
        if found:
            return found
    return []


@pytest.mark.parametrize("seed", range(25))
def test_it_is_the_share_of_shortest_paths(seed: int) -> None:
    """The sum over all pairs of the share of their shortest paths that lead through a node."""
    graph = random_graph(seed)
    expected = dict.fromkeys(graph, 0.0)
    for a in graph:
        for b in range(a):
            paths = shortest(graph, a, b)
            for path in paths:
                for node in path[1:-1]:
                    expected[node] += 1 / len(paths)
    assert betweenness(graph) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(25))
def test_parts_are_what_is_connected(seed: int) -> None:
    """Everybody but the node is in one part, with all neighbours but the node."""
    graph = random_graph(seed)
    parts = parts_without(graph, 0)
    assert sorted(n for part in parts for n in part) == sorted(n for n in graph if n)
    for part in parts:
        assert all(other in part for n in part for other in graph[n] if other)
    assert [len(p) for p in parts] == sorted((len(p) for p in parts), reverse=True)
