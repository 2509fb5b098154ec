"""After the crashes: what is in Redis and in Kafka is what an undisturbed run leaves there."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from afflux.codes import REJECTED, Code
from afflux.examples import LABEL_UNCERTAIN, ExampleColumns
from afflux.identity import Edges
from afflux.names import Identity
from afflux.position import Position
from core_cases import CATALOG
from crash_logs import FinalLogs, read_back
from crash_site import PARTITIONS, SHARDS, Site
from enrich_rig import Worker, rows_of
from profile_store import Profile, ProfileStore
from profile_store.memory import MemoryShardStore, Value
from streams.consume import Record
from streams.dead_letters import dead_letter_topics, unique
from streams.encoding import decode_training_examples, encode_score_updates
from streams.topics import EXPERIENCE_EVENTS, INPUT_TOPICS, SCORE_UPDATES, TRAINING_EXAMPLES
from streams.updates import DecodeError, decode_any, decode_score_updates


@dataclass(frozen=True)
class Undisturbed:
    """One worker that folded the final logs in large batches, in memory."""

    logs: FinalLogs
    store: MemoryShardStore
    worker: Worker


@dataclass(frozen=True)
class Found:
    """How much there was to compare."""

    records: int
    rows: int
    examples: int
    repeated_examples: int
    uncertain: int
    score_updates: int
    dead_letters: int
    derived: int
    repeated_derived: int


def check(site: Site) -> Found:
    """Everything that must hold when all is folded and no worker runs."""
    logs, outputs = read_back(site.settings, site.admin, PARTITIONS)
    oracle = asyncio.run(_undisturbed(logs))
    dump = site.dump()
    rows = check_state(site, dump, oracle)
    derived, all_derived = check_derived(oracle.logs)
    examples, all_examples, uncertain = check_examples(outputs[TRAINING_EXAMPLES.name], oracle)
    updates = check_scores(site, outputs[SCORE_UPDATES.name], dump, _links(oracle.logs))
    letters = check_dead_letters(outputs, oracle)
    return Found(
        sum(map(len, logs.inputs.values())), rows, examples, all_examples - examples, uncertain,
        updates, letters, derived, all_derived - derived,
    )  # fmt: skip


async def _undisturbed(logs: FinalLogs) -> Undisturbed:
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "undisturbed")
    await worker.own(range(PARTITIONS))
    await worker.drain(most=10_000)
    return Undisturbed(logs, store, worker)


def check_state(site: Site, dump: Mapping[bytes, Value], oracle: Undisturbed) -> int:
    """Every row, edge, attribute and deadline, byte for byte; every position and counter."""
    got, wanted = rows_of(dump), rows_of(oracle.store.dump())
    differ = sorted(k for k in got.keys() | wanted.keys() if got.get(k) != wanted.get(k))
    assert not differ, f"{len(differ)} of {len(wanted)} keys differ: {differ[:5]}"
    for shard, position in enumerate(site.positions()):
        assert position is not None
        data = oracle.store.data[oracle.store.keys.position(shard)]
        assert isinstance(data, bytes)
        assert _without_owner(position) == _without_owner(Position.decode(data)), f"shard {shard}"
    counters = [p.counters for p in site.positions() if p is not None]
    counted = sum(c[code] for c in counters for code in (*_ONCE, *REJECTED))
    assert counted == sum(map(len, oracle.logs.inputs.values())), "records that nobody counted"
    return len(got)


_ONCE = (Code.accepted, Code.duplicates, Code.control)


def _without_owner(position: Position) -> Position:
    return replace(position, version=0, nonce=bytes(16))


def check_derived(logs: FinalLogs) -> tuple[int, int]:
    """Derived control records: those of the undisturbed run are in the log, and no others.

    Returns how many, without and with repeats.
    """
    found: Counter[tuple[bytes | None, bytes | None]] = Counter()
    for (topic, _), log in logs.inputs.items():
        if topic == EXPERIENCE_EVENTS.name:
            found.update((r.key, r.value) for r in log if r.value and _is_derived(r.value))
    assert set(found) == set(logs.derived)
    return len(found), found.total()


def _is_derived(value: bytes) -> bool:
    name, fields = _decoded(value)
    return name == "ControlRecord" and fields["origin"] is not None


def _decoded(value: bytes | None) -> tuple[str, dict[str, Any]]:
    """Name and fields; empty ones for the records that are broken on purpose."""
    try:
        return decode_any(value or b"")
    except DecodeError:
        return "", {}


def check_examples(records: Sequence[Record], oracle: Undisturbed) -> tuple[int, int, int]:
    """Without repeats the same examples and labels, ascending per shard.

    Returns how many without and with repeats, and how many have an uncertain label.
    """
    said = [r.value for r in records if r.value is not None]  # null takes back who was deleted
    found = _examples(said)
    assert len(found) == len(said)
    wanted = _examples([m.value for m in oracle.logs.outputs[TRAINING_EXAMPLES.name]])
    assert_ascending(found)
    linked = set(_links(oracle.logs))  # their vectors depend on what others had done by then
    got, due = _example_set(found, linked), _example_set(wanted, linked)
    assert got == due, f"missing {list(due - got)[:3]}, not due {list(got - due)[:3]}"
    assert len(due) == len(wanted), "an undisturbed run repeats nothing"
    uncertain = {e for e in due if e[-1] == "uncertain"}
    return len(due), len(found), len(uncertain)


def _examples(values: Sequence[bytes | None]) -> ExampleColumns:
    return decode_training_examples(values, CATALOG.dimension, CATALOG.layout)


def _links(logs: FinalLogs) -> dict[bytes, set[bytes]]:
    """Who was ever named together with whom, in cut links and in refused events too.

    What a linked identity did shows in vectors and profiles as far as it had come just then.
    """
    links: dict[bytes, set[bytes]] = defaultdict(set)
    for (topic, _), log in logs.inputs.items():
        for record in log if topic == EXPERIENCE_EVENTS.name else ():
            people = _named(record.value)
            for one in people:
                links[one] |= people - {one}
    return {one: others for one, others in links.items() if others}


def _named(value: bytes | None) -> set[bytes]:
    name, fields = _decoded(value)
    if name == "ControlRecord":
        return {fields[end].encode() for end in ("identity", "other") if fields[end] is not None}
    people = fields.get("identityMap", {})
    return {f"{space}:{i['id']}".encode() for space, ids in people.items() for i in ids}


def _example_set(found: ExampleColumns, linked: Collection[bytes]) -> set[tuple[object, ...]]:
    certain = (found.flags & LABEL_UNCERTAIN) == 0
    return {
        (
            int(found.shard[i]), *found.key(i), int(found.open_ts[i]), int(found.open_offset[i]),
            b"" if found.identities[i] in linked else found.vector[i].tobytes(),
            float(found.label[i]) if certain[i] else "uncertain",
        )
        for i in range(len(found))
    }  # fmt: skip


def assert_ascending(found: ExampleColumns) -> None:
    """A learner that keeps the last key of every shard and model drops repeats and nothing else."""
    last: dict[tuple[int, str], tuple[int, bytes, str]] = {}
    seen: set[tuple[int, tuple[int, bytes, str]]] = set()
    for i in range(len(found)):
        shard, key = int(found.shard[i]), found.key(i)
        if (shard, key) not in seen:
            of = (shard, key[2])
            assert of not in last or last[of] < key, f"{key} came after {last[of]}"
            last[of] = key
            seen.add((shard, key))


def check_scores(
    site: Site,
    records: Sequence[Record],
    dump: Mapping[bytes, Value],
    links: Mapping[bytes, set[bytes]],
) -> int:
    """The last update of everybody says what Redis serves; nobody else has one."""
    last: dict[bytes, Record] = {}
    for record in records:
        assert record.key is not None
        last[record.key] = record
    served = {Identity(k.split(b":", 2)[2]): v for k, v in dump.items() if k[:2] == b"v:"}
    alive = {Identity(k): r.value for k, r in last.items() if r.value is not None}
    assert alive.keys() == served.keys()
    edges = {
        Identity(k.split(b":", 2)[2]): Edges.decode(v)
        for k, v in dump.items()
        if k[:2] == b"l:" and isinstance(v, bytes)
    }
    people = sorted(alive)
    updates = dict(zip(people, decode_score_updates([alive[i] for i in people]), strict=True))
    for identity in people:
        row = served[identity]
        assert isinstance(row, bytes)
        expected = _expected_update(identity, row)
        differ = {k: (updates[identity][k], v) for k, v in expected.items()
                  if updates[identity][k] != v}  # fmt: skip
        assert not differ, f"{identity!r} at {last[identity].offset}: {differ}"
        _check_members(identity, updates[identity], edges.get(identity, Edges()), links)
    _check_readers(site, updates)
    return len(people)


_SAME = ("identity", "eventId", "eventTime", "eventOffset", "scores")


def _expected_update(identity: Identity, row: bytes) -> dict[str, Any]:
    served, (event_id,) = CATALOG.decode_served([row])
    value = encode_score_updates(
        CATALOG, served, [identity], [event_id.decode()], ["-"], [[identity]], [0]
    )
    (update,) = decode_score_updates(value)
    return {name: update[name] for name in _SAME}


def _check_members(
    identity: Identity,
    update: Mapping[str, Any],
    edges: Edges,
    links: Mapping[bytes, set[bytes]],
) -> None:
    """Identities of the profile, as they were then: those of the very event, nobody unrelated."""
    told = {i.encode() for i in update["identities"]}
    assert identity in told
    named = {o for o, e in edges if e.live and e.event_id == update["eventId"]}
    assert named <= told, f"{identity!r} is announced without {named - told}"
    related, frontier = {bytes(identity)}, {bytes(identity)}
    while frontier:
        frontier = {o for i in frontier for o in links.get(i, ())} - related
        related |= frontier
    assert told <= related, f"{identity!r} is announced with {told - related}"


def _check_readers(site: Site, updates: Mapping[Identity, Mapping[str, Any]]) -> None:
    """`ProfileStore` answers with the newest of the updates of a profile's identities."""
    people = [tuple(i.decode().split(":", 1)) for i in updates]
    store = ProfileStore(site.where)
    try:
        profiles = store.get_many([(namespace, id) for namespace, id in people])
    finally:
        store.close()
    for identity, profile in zip(updates, profiles, strict=True):
        assert profile is not None, identity
        _check_profile(profile, updates)


_NEVER_SCORED: Mapping[str, Any] = {"eventTime": 0, "scores": ()}


def _check_profile(profile: Profile, updates: Mapping[Identity, Mapping[str, Any]]) -> None:
    newest: dict[str, tuple[tuple[int, bytes], Mapping[str, Any]]] = {}
    for identity in profile.identities:
        update = updates.get(identity, _NEVER_SCORED)
        for score in update["scores"]:
            age = (update["eventTime"], identity)
            if score["model"] not in newest or age > newest[score["model"]][0]:
                newest[score["model"]] = (age, score)
    assert profile.scores.keys() == newest.keys()
    for model, score in profile.scores.items():
        told = newest[model][1]
        for name in ("value", "version", "score", "percentile", "bucket", "trusted", "previous"):
            assert getattr(score, name) == told[name], (profile.identities, model, name)


def check_dead_letters(outputs: Mapping[str, Sequence[Record]], oracle: Undisturbed) -> int:
    """Exactly the bad records have a dead letter, with their bytes and the code that counts."""
    letters = [r for topic in dead_letter_topics() for r in outputs[topic]]
    found = {d.id: d for d in unique(letters)}
    assert {i: d.code for i, d in found.items()} == {
        i: b.code for i, b in oracle.worker.dead_letters.found.items()
    }
    for (topic, partition, offset), letter in found.items():
        source = oracle.logs.inputs[(topic, partition)][offset]
        assert (letter.key, letter.value) == (source.key, source.value)
    assert {t for t, _, _ in found} <= {t.name for t in INPUT_TOPICS}
    return len(found)
