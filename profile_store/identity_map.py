"""A person explained: every link, when and by which event, and what does not belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afflux.bridges import betweenness, parts_without
from afflux.identity import MAX_IDENTITIES, Edges, Why, is_shared, profile_id_of, stitch
from afflux.names import Identity
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked

MOST = 300
"""Identities that are looked at, also beyond those of the profile."""

_REASONS: Mapping[Why, str] = {
    "unique": "the profile has another identity of this namespace already",
    "shared": "it links too many people to tell them apart",
    "cap": f"a profile has at most {MAX_IDENTITIES} identities",
}


async def read_edges(link: Link, keys: Keys, start: Identity) -> dict[Identity, Edges]:
    """Edges of everybody who can be reached over live links, at most MOST; a round trip a hop."""
    known: dict[Identity, Edges] = {}
    frontier = [start]
    while frontier and len(known) < MOST:
        frontier = frontier[: MOST - len(known)]
        known |= await _edges(link, keys, frontier)
        reached = {o: None for i in frontier for o in known[i].others() if o not in known}
        frontier = list(reached)
    return known


async def _edges(link: Link, keys: Keys, people: list[Identity]) -> dict[Identity, Edges]:
    groups: dict[int, list[Identity]] = {}
    for who, shard in zip(people, shard_of(murmur2(people), keys.shards).tolist(), strict=True):
        groups.setdefault(shard, []).append(who)
    commands = [
        Command(keys.slot(shard), ["MGET", *keys.edges(shard, ids)])
        for shard, ids in groups.items()
    ]
    replies = checked(await link.run(commands), link.name)
    return {
        who: Edges.decode(data)
        for ids, values in zip(groups.values(), replies, strict=True)
        for who, data in zip(ids, values, strict=True)
    }


def explain(start: Identity, known: Mapping[Identity, Edges]) -> dict[str, Any]:
    """The profile of `start` over these edges, as plain values.

    links: of all identities, the newest first, also those that were cut. left_out: neighbours that
    do not belong to the profile, with the reason. shared: identities whose links do not count.
    bridge: where the graph is larger than a profile, whose removal would split it, and into how
    many parts of what size; None elsewhere.
    """
    found = stitch(start, known.get)
    shared = [who for who, edges in sorted(known.items()) if is_shared(edges)]
    return {
        "identity": start.decode(),
        "profile_id": profile_id_of(found.taken),
        "identities": [who.decode() for who in found.taken],
        "links": _links(known),
        "left_out": [
            {"identity": who.decode(), "reason": why, "because": _REASONS[why]}
            for who, why in sorted(found.left_out.items())
        ],
        "shared": [who.decode() for who in shared],
        "reachable": len(known),
        "bridge": _bridge(known) if found.left_out else None,
    }


def _links(known: Mapping[Identity, Edges]) -> list[dict[str, Any]]:
    """Each pair once, as the later word of its two ends has it."""
    latest: dict[tuple[Identity, Identity], tuple[int, str, bool]] = {}
    for who, edges in known.items():
        for other, edge in edges:
            pair = (who, other) if who < other else (other, who)
            word = edge.timestamp, edge.event_id, edge.live
            latest[pair] = max(latest.get(pair, word), word, key=lambda w: (w[0], w[1], not w[2]))
    return [
        {
            "one": one.decode(), "other": other.decode(), "since": since, "by_event": event,
            "state": "linked" if live else "unlinked",
        }
        for (one, other), (since, event, live) in sorted(
            latest.items(), key=lambda item: (-item[1][0], item[0])
        )
    ]  # fmt: skip


def _bridge(known: Mapping[Identity, Edges]) -> dict[str, Any] | None:
    graph: dict[Identity, dict[Identity, None]] = {who: {} for who in sorted(known)}
    for who, edges in known.items():
        for other in edges.others():
            if other in graph:
                graph[who][other] = None
                graph[other][who] = None
    central = betweenness(graph)
    best = max(central, key=lambda who: (central[who], who))
    parts = parts_without(graph, best)
    if len(parts) < 2:
        return None
    return {
        "identity": best.decode(),
        "betweenness": central[best],
        "parts": [len(part) for part in parts],
    }
