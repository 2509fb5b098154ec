"""Betweenness: which identity holds a graph of identities together."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def betweenness(graph: Mapping[N, Iterable[N]]) -> dict[N, float]:
    """Of each node, over all pairs of others, the share of shortest paths that lead through it.

    graph: the neighbours of each node, both ways. O(nodes * edges): for some hundred nodes.
    Brandes, "A faster algorithm for betweenness centrality", 2001.

    >>> betweenness({"a": ["b"], "b": ["a", "c"], "c": ["b"]})
    {'a': 0.0, 'b': 1.0, 'c': 0.0}
    """
    central = dict.fromkeys(graph, 0.0)
    for source in graph:
        order, before, paths = _shortest_paths(graph, source)
        share = dict.fromkeys(order, 0.0)
        for node in reversed(order):
            for earlier in before[node]:
                share[earlier] += paths[earlier] / paths[node] * (1 + share[node])
            if node != source:
                central[node] += share[node]
    return {node: sum_ / 2 for node, sum_ in central.items()}  # each pair was seen from both ends


def _shortest_paths(
    graph: Mapping[N, Iterable[N]], source: N
) -> tuple[list[N], dict[N, list[N]], dict[N, int]]:
    """Nodes by distance; of each those before it on shortest paths, and how many these are."""
    distance, paths = {source: 0}, {source: 1}
    before: dict[N, list[N]] = {source: []}
    order: list[N] = []
    queue = deque([source])
    while queue:
        node = queue.popleft()
        order.append(node)
        for other in graph[node]:
            if other not in distance:
                distance[other] = distance[node] + 1
                paths[other], before[other] = 0, []
                queue.append(other)
            if distance[other] == distance[node] + 1:
                paths[other] += paths[node]
                before[other].append(node)
    return order, before, paths


def parts_without(graph: Mapping[N, Iterable[N]], node: N) -> list[set[N]]:
    """What is left in one piece where `node` is taken away, the largest first.

    >>> [sorted(p) for p in parts_without({"a": ["b"], "b": ["a", "c"], "c": ["b"]}, "b")]
    [['a'], ['c']]
    """
    left = [n for n in graph if n != node]
    seen: set[N] = set()
    parts: list[set[N]] = []
    for start in left:
        if start in seen:
            continue
        part, queue = {start}, deque([start])
        while queue:
            for other in graph[queue.popleft()]:
                if other != node and other not in part:
                    part.add(other)
                    queue.append(other)
        seen |= part
        parts.append(part)
    return sorted(parts, key=len, reverse=True)
