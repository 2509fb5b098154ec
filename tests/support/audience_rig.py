"""Audiences over logs and shards in memory: saving rules, and what must hold of what is stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from afflux.attributes import read_attributes
from afflux.audiences import standing
from afflux.audiences.profile_columns import ProfileColumns
from afflux.identity import Edges
from afflux.names import ATTRIBUTES, EVENTS, Identity
from afflux.position import Position
from core_cases import CATALOG
from enrich_rig import Logs, Worker
from memory_link import MemoryLink
from profile_store.audience_definitions import Definitions
from profile_store.audience_store import AudienceStore
from profile_store.contract import RowRequest
from profile_store.memory import MemoryShardStore
from streams.audience_source import compiled
from streams.updates import decode, update_order

SHARDS = 16
TYPES = {"tier": "string", "n": "int"}
RULES = {
    "buyers": "now - events.purchases.last < duration('168h')",
    "lost": "!has(events.purchases.last) || now - events.purchases.last >= duration('336h')",
    "spenders": "events.revenue.total > 500.0 && audiences.buyers",
    "at_risk": "scores.churn.value > 0.5",
    "gold": "attributes.tier == 'gold'",
    "young_gold": "audiences.gold && profile.tenure < 3.0",
}

Inside = dict[Identity, frozenset[str]]


def shelf(store: MemoryShardStore) -> AudienceStore:
    """Definitions and members of a store in memory."""
    return AudienceStore(MemoryLink(store), store.keys)


async def save(store: MemoryShardStore, rules: Mapping[str, str | None]) -> Definitions:
    """Save these rules, delete those that are None."""
    where = shelf(store)
    found = await where.definitions()
    definitions = Definitions.decode(found)
    for name, rule in rules.items():
        definitions = (
            definitions.without(name)
            if rule is None
            else definitions.with_rule(name, rule, TYPES, 1)
        )
    assert await where.swap_definitions(found, definitions.encode())
    return definitions


def worker(store: MemoryShardStore, logs: Logs, name: str = "w", **options: float) -> Worker:
    """A worker that asks the saved rules."""
    return Worker(store, logs, SHARDS, name, audiences=shelf(store), **options)  # type: ignore[arg-type]


def stored(store: MemoryShardStore) -> Inside:
    """Audiences of everybody, as their rows say."""
    record = store.data[b"afflux:audiences"]
    assert isinstance(record, bytes)
    layouts = Definitions.decode(record).layouts
    found = {}
    for key, value in store.data.items():
        if key.startswith(b"u:"):
            owner = store.keys.owner_of(key)
            assert owner is not None
            assert isinstance(value, bytes)
            _, since = standing.read(value, layouts)
            found[owner[1]] = frozenset(name for name, at in since.items() if at > 0)
    return {identity: names for identity, names in found.items() if names}


def members(store: MemoryShardStore) -> Inside:
    """The same as the sets of members say."""
    found: dict[Identity, set[str]] = {}
    for key, value in store.data.items():
        if key.startswith(b"n:"):
            assert isinstance(value, dict)
            for identity in value:
                found.setdefault(identity, set()).add(key.rsplit(b":", 1)[1].decode())
    return {identity: frozenset(names) for identity, names in found.items()}


def announced(logs: Logs) -> Inside:
    """The same as a subscriber knows it who drops what is older; changes fit what was before."""
    newest: dict[Identity, tuple[tuple[int, int], frozenset[str]]] = {}
    for message in logs.outputs["audience-updates"]:
        identity = Identity(message.key or b"")
        if message.value is None:
            newest.pop(identity, None)
            continue
        update = decode("AudienceUpdate", message.value)
        order = update_order(update)
        inside = frozenset(m["audience"] for m in update["memberships"])
        assert set(update["realized"]) <= inside
        assert not set(update["exited"]) & inside
        if identity not in newest or order > newest[identity][0]:
            newest[identity] = order, inside
    return {identity: inside for identity, (_, inside) in newest.items() if inside}


async def asked_now(store: MemoryShardStore) -> tuple[Inside, set[Identity]]:
    """What the rules say of everybody's rows at W; and those who are linked to others.

    Rows of linked people are left out: they are asked when they are touched, and may see others
    that were touched since.
    """
    record = store.data[b"afflux:audiences"]
    assert isinstance(record, bytes)
    rules = compiled(Definitions.decode(record), CATALOG)
    owners = sorted(
        {o for key in store.data if key[:2] in (b"f:", b"a:") and (o := store.keys.owner_of(key))}
    )
    inside: Inside = {}
    linked: set[Identity] = set()
    for shard, identity in owners:
        (reply,) = await store.read(
            [
                RowRequest(
                    shard, [(identity, EVENTS)], [identity], [identity], [(identity, ATTRIBUTES)]
                )
            ]
        )
        if Edges.decode(reply.edges[0]).others():
            linked.add(identity)
            continue
        fragment = CATALOG.decode_fragments(list(reply.fragments))
        attributes = read_attributes(reply.attributes[0])
        if not fragment["last_ts"][0] and not attributes:
            continue
        w = Position.decode(reply.position).topics[0].watermark.value
        now = np.maximum(fragment["last_ts"], w)
        served, _ = CATALOG.decode_served(list(reply.served))
        answer = rules.program.run(ProfileColumns(CATALOG, fragment, served, [attributes], now))
        names = frozenset(rules.names[a] for a in answer.inside[0].nonzero()[0].tolist())
        if names:
            inside[identity] = names
    return inside, linked


def without(inside: Inside, people: set[Identity]) -> Inside:
    """Of the others."""
    return {identity: names for identity, names in inside.items() if identity not in people}
