"""What is evaluated is what is served: a file through the engine equals Avro through the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.examples import EARLY, ExampleColumns
from afflux.limits import DAY_MS
from afflux.names import EVENTS, Identity, ModelName
from afflux.outcomes import Eligible, ModelSpec, Openings, Outcome
from afflux.shards import murmur2, shard_of
from core_cases import CATALOG
from enrich_rig import Logged, Logs, Worker
from evaluation_files import FLAT, read, write
from launcher.data.avro import encode
from launcher.data.generated import generated
from launcher.evaluation.engine import Engine, Rules
from launcher.evaluation.mapping import check
from models import discover, purchase_7d
from models.contract import Model
from models.learner import Learner
from profile_store.memory import MemoryShardStore
from streams.example_codec import ExampleDecoder
from streams.topics import EXPERIENCE_EVENTS, TRAINING_EXAMPLES

DATA = generated(3_000)
MODELS = [m for m in discover() if m.spec in CATALOG.models]
SHARDS = 8
Example = tuple[bytes, str, int, int, bytes, float, int, int]

WITH_EARLY = [
    replace(m, spec=replace(m.spec, early=True)) if m.spec.name == "churn" else m for m in MODELS
] + [replace(purchase_7d.MODEL, spec=replace(purchase_7d.MODEL.spec, early=True))]

TYPED = [
    replace(
        purchase_7d.MODEL,
        spec=ModelSpec(
            ModelName("looks"), Outcome("will", ("commerce.productViews",), 7 * DAY_MS),
            Eligible("commerce.purchases", 1.0, 30 * DAY_MS),
            excluded=(Eligible("web.webpagedetails.pageViews", 40.0),),
        ),
    )
]  # fmt: skip
"""A model of event types, where others are of kinds."""

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
    return fragments, set(told(found))


def told(examples: ExampleColumns) -> list[Example]:
    """What does not depend on the batches; of early ones when they were made, too."""
    early = (examples.flags & EARLY) != 0
    return [
        (
            examples.identities[i], examples.models[i], int(examples.open_ts[i]),
            int(examples.deadline[i]), examples.vector[i].tobytes(), float(examples.label[i]),
            int(early[i]), int(examples.seen[i]) if early[i] else 0,
        )
        for i in range(len(examples))
    ]  # fmt: skip


async def stored(store: MemoryShardStore, who: Identity) -> bytes:
    """The fragment of a person."""
    shard = int(shard_of(murmur2([who]), SHARDS)[0])
    [key] = store.keys.fragments(shard, [(who, EVENTS)])
    value = store.data[key]
    assert isinstance(value, bytes)
    return value


@pytest.mark.parametrize(
    ("ending", "rules", "models"),
    [
        ("csv", RULES[0], MODELS),
        ("parquet", RULES[1], MODELS),
        ("jsonl", RULES[2], MODELS),
        ("csv", RULES[2], WITH_EARLY),
        ("csv", Rules(Openings(40, 1, ("commerce.purchases",)), batch=300), TYPED),
    ],
)
async def test_a_file_equals_the_stream(
    tmp_path: Path, ending: str, rules: Rules, models: Sequence[Model]
) -> None:
    """Rows are equal byte by byte, and examples in person, time, features and label.

    So are the early ones of models that do not wait, each learned once.
    """
    catalog = Catalog([m.spec for m in models], rules.openings)
    path, flat = write(DATA, tmp_path / f"events.{ending}"), check(FLAT, "flat")
    log, events = read(path, flat, types=catalog.types)
    assert len(events) == 3_000
    learned: list[Example] = []

    class Heard(Learner):
        """Tells what it learns."""

        def learn(self, examples: ExampleColumns) -> None:
            learned.extend(told(examples))
            super().learn(examples)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("launcher.evaluation.engine.Learner", Heard)
        engine = Engine(models, log, rules)
    engine.run()
    examples = set(learned)
    assert len(examples) == len(learned)
    assert not engine.learner.counts.repeats
    assert any(example[6] for example in examples) == (models is WITH_EARLY)
    fragments, streamed_examples = await streamed(catalog)
    assert engine.catalog.layout == catalog.layout
    rows, _ = engine.people.rows()
    for identity, row in zip(log.identities, rows, strict=True):
        assert row.tobytes() == fragments[identity]
    assert len(examples) > 500
    assert examples == streamed_examples
