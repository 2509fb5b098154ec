"""The learner of several models: whose examples are whose, and when snapshots are due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from afflux.examples import EARLY, ExampleColumns
from afflux.names import ModelName
from afflux.scoring import LinearScorer
from models import discover
from models.contract import Model
from models.laws import FEATURES, stream
from models.learner import Learner, Schedule, slices
from models.percentiles import LEAST
from models.recent import Recent
from models.snapshot import decode_scoring, encode


def learner(schedule: Schedule | None = None) -> Learner:
    """Of all models, at the start of a log of 1,000."""
    return learner_of(discover(), schedule)


def learner_of(models: Sequence[Model], schedule: Schedule | None = None) -> Learner:
    """Of these."""
    made = Learner(models, FEATURES, schedule)
    made.restore({}, b"t" * 16, 0, 1_000)
    return made


def closed(examples: ExampleColumns) -> ExampleColumns:
    """None of them early."""
    return replace(examples, flags=np.zeros(len(examples), np.uint8))


def test_every_model_learns_its_own() -> None:
    """Examples go by their model's name; those of an unknown one are counted and dropped."""
    one, two, *_ = discover()
    made = learner()
    made.learn(closed(stream(one, 30)))
    made.learn(closed(stream(two, 20)))
    made.learn(replace(stream(one, 10), models=[ModelName("gone")] * 10))
    assert [m.examples for m in made.models.values() if m.examples] == [30, 20]
    assert (made.counts.learned, made.unknown) == (50, 10)


def test_the_order_of_an_example_is_within_its_shard() -> None:
    """A deadline that is older than another shard's is no repeat; one of the own shard is."""
    model, *_ = discover()
    examples = stream(model, 10)
    late = replace(
        examples,
        shard=np.array([0, 1] * 5, np.int32),
        deadline=np.array([9, 1, 9, 1, 8, 2, 10, 2, 9, 3]),
        identities=[b"a", b"a", b"b", b"b", b"c", b"c", b"a", b"a", b"z", b"a"],  # type: ignore[list-item]
    )
    made = learner()
    made.learn(late)
    assert made.counts.learned == 7
    assert made.counts.repeats == 3


def test_due_after_examples_or_seconds() -> None:
    """Whichever comes first, and only if there is anything new."""
    model, *_ = discover()
    parts = list(slices(stream(model, 100), 10))
    made = learner(Schedule(examples=20, seconds=5.0))
    assert not made.due(0.0)
    assert not made.due(100.0)
    made.learn(parts[0])
    made.advance(10)
    assert not made.due(104.9)
    assert made.due(105.0)
    made.published(105.0)
    made.learn(parts[1])
    assert not made.due(106.0)
    made.learn(parts[2])
    assert made.due(106.0)
    made.published(106.0)
    made.advance(40)  # records that taught nothing
    assert not made.due(107.0)
    assert made.due(111.0)


def test_what_was_served_untrained_is_learned_and_not_judged() -> None:
    """Version 0 served a constant that nobody is to blame for."""
    model, *_ = discover()
    examples = stream(model, 300)
    served = replace(examples, version=(np.arange(300) >= 100).astype(np.uint64))
    made = learner()
    made.learn(served)
    figures = made.models[model.spec.name].metrics()
    assert (figures["untrained"], figures["evaluated"]) == (100, 200)
    assert made.counts.learned == 300


def test_labels_of_linked_people_are_counted() -> None:
    """Uncertain labels are learned, and it is told how many there were."""
    model, *_ = discover()
    made = learner()
    made.learn(replace(stream(model, 30), flags=(np.arange(30) % 3 == 0).astype(np.uint8)))
    assert made.models[model.spec.name].metrics()["uncertain"] == 10


def test_cut_points_part_the_recent_values_evenly() -> None:
    """A value at a cut has so many percent of the recent ones below it; few values, no cuts."""
    for model in discover():
        examples = closed(stream(model, 1_000))
        made = learner()
        made.learn(next(slices(examples, LEAST - 1)))
        name = model.spec.name
        assert not len(made.models[name].snapshot(0).cuts)
        made.learn(examples)
        if model.spec.early:  # the closed ones were only tests
            made.learn(replace(examples, flags=np.full(len(examples), EARLY, np.uint8)))
        snapshot = decode_scoring(encode(made.models[name].snapshot(0)))
        percentiles = LinearScorer([snapshot]).score(examples.vector).percentile[:, 0]
        assert percentiles.min() == 1
        assert percentiles.max() == 100
        assert abs(float(percentiles.mean()) - 50.5) < 2


def test_reading_goes_on_where_the_first_model_stands() -> None:
    """Offsets of another topic, past the end, or before the start of the log do not count."""
    one, two, *_ = discover()
    made = learner_of([one, two])
    made.learn(stream(one, 30))
    topic, other = b"t" * 16, b"o" * 16
    ahead = made.models[one.spec.name].snapshot(300, topic)
    behind = made.models[two.spec.name].snapshot(200, topic)
    both = {one.spec.name: ahead, two.spec.name: behind}
    places = [
        made.restore(both, topic, 0, 1_000),
        made.restore({one.spec.name: ahead}, topic, 10, 1_000),
        made.restore(both, topic, 250, 1_000),
        made.restore(both, topic, 0, 250),
        made.restore(both, other, 5, 1_000),
        made.restore({}, topic, 7, 1_000),
    ]
    assert places == [200, 10, 250, 0, 5, 7]


def test_the_recent_do_not_depend_on_blocks() -> None:
    """Blocks smaller and larger than what is remembered leave the same rows in the same places."""
    values = np.arange(100.0)
    whole = Recent("x", 8, np.float64)
    whole.add(values)
    assert sorted(whole.rows.tolist()) == values[-8:].tolist()
    for size in (1, 3, 8, 11, 60):
        parts = Recent("x", 8, np.float64)
        for at in range(0, 100, size):
            parts.add(values[at : at + size])
        assert parts.rows.tolist() == whole.rows.tolist()
        again = Recent("x", 8, np.float64)
        again.load(parts.state())
        again.add(values[:3])
        parts.add(values[:3])
        assert again.rows.tolist() == parts.rows.tolist()
