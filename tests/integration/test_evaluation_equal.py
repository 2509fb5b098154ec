"""What is evaluated is what is served: a file through the engine equals Avro through the plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.names import EVENTS, Identity
from afflux.outcomes import Openings
from afflux.shards import murmur2, shard_of
from core_cases import CATALOG
from enrich_rig import Logged, Logs, Worker
from evaluation_files import FLAT, read, write
from launcher.data.avro import encode
from launcher.data.generated import generated
from launcher.evaluation.engine import Engine, Rules
from launcher.evaluation.mapping import check
from models import discover
from profile_store.memory import MemoryShardStore
from streams.example_codec import ExampleDecoder
from streams.topics import EXPERIENCE_EVENTS, TRAINING_EXAMPLES

DATA = generated(3_000)
MODELS = [m for m in discover() if m.spec in CATALOG.models]
SHARDS = 8
Example = tuple[bytes, str, int, int, bytes, float]

RULES = [
    Rules(batch=97),
    Rules(Openings(), batch=1_000),
    Rules(Openings(slots=40, gap_ms=1, kinds=(Kind.PURCHASE,)), batch=200),
]


async def streamed(catalog: Catalog) -> tuple[dict[Identity, bytes], set[Example]]:
    """Fragments by identity, and the examples, of the enrich plane over Avro events."""
    logs = Logs(1)
    people = DATA.events["person"].to_pylist()
    times = DATA.events["timestamp"].to_pylist()
    for person, at, value in zip(people, times, encode(DATA), strict=True):
        logs.append(EXPERIENCE_EVENTS.name, Logged(f"person:{person}".encode(), value, at))
    logs.now = times[-1]
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "equal", catalog)
    await worker.own([0])
    await worker.drain(most=150)
    everybody = sorted({Identity(f"person:{person}".encode()) for person in people})
    fragments = {who: await stored(store, who) for who in everybody}
    values = [m.value for m in logs.outputs[TRAINING_EXAMPLES.name]]
    found = ExampleDecoder(catalog.dimension, catalog.layout).decode(values)
    return fragments, {
        (
            found.identities[i], found.models[i], int(found.open_ts[i]), int(found.deadline[i]),
            found.vector[i].tobytes(), float(found.label[i]),
        )
        for i in range(len(found))
    }  # fmt: skip


async def stored(store: MemoryShardStore, who: Identity) -> bytes:
    """The fragment of a person."""
    shard = int(shard_of(murmur2([who]), SHARDS)[0])
    [key] = store.keys.fragments(shard, [(who, EVENTS)])
    value = store.data[key]
    assert isinstance(value, bytes)
    return value


@pytest.mark.parametrize(
    ("ending", "rules"), list(zip(["csv", "parquet", "jsonl"], RULES, strict=True))
)
async def test_a_file_equals_the_stream(tmp_path: Path, ending: str, rules: Rules) -> None:
    """Rows are equal byte by byte, and examples in person, time, features and label."""
    log, events = read(write(DATA, tmp_path / f"events.{ending}"), check(FLAT, "flat"))
    assert len(events) == 3_000
    examples: set[Example] = set()

    def keep(closed: np.ndarray) -> None:
        for c in closed:
            name = engine.catalog.models[c["model"]].name
            examples.add(
                (
                    log.identities[c["row"]], name, int(c["open_ts"]), int(c["deadline"]),
                    c["vector"].tobytes(), float(c["label"]),
                )
            )  # fmt: skip

    engine = Engine(MODELS, log, rules, keep)
    engine.run()
    fragments, streamed_examples = await streamed(Catalog(CATALOG.models, rules.openings))
    assert engine.catalog.layout == Catalog(CATALOG.models, rules.openings).layout
    rows, _ = engine.people.rows()
    for identity, row in zip(log.identities, rows, strict=True):
        assert row.tobytes() == fragments[identity]
    assert len(examples) > 500
    assert examples == streamed_examples
