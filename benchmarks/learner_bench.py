"""What learning an example costs: arrays beside River, alone and with all that a learner does.

    python benchmarks/learner_bench.py [--examples 20000] [--river 3000]

"learn" is the linear model alone, in blocks as the learn plane cuts them. "learner" adds the test
of what was served, by segment and for drift too, repeats, calibration, intervals and the window of
percentiles; challengers learn and are judged in shadow. "snapshot" is taking, encoding and hashing
one, per snapshot.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from time import process_time
from typing import Any

import numpy as np

from afflux.catalog import Catalog
from afflux.examples import ExampleColumns
from afflux.names import Identity
from models import default_models, discover
from models.challengers import challenged
from models.contract import LinearLearner, Model
from models.learner import slices
from models.learners import linear_learner
from models.model_learner import ModelLearner
from models.river_learner import RiverLearner
from models.snapshot import encode, version_of

_BLOCK = 128
_REPEATS = 5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--river", type=int, default=3_000, help="examples for River, it is slow")
    options = parser.parse_args()
    features = Catalog(default_models()).features
    print(f"{len(features)} features, blocks of {_BLOCK}, CPU time, median of {_REPEATS} runs\n")
    print("| model | what | µs an example | examples/s |")
    print("|---|---|---|---|")
    for model in discover():
        of_arrays = examples_of(model, len(features), options.examples)
        rows = [
            ("learn", cost(partial(linear_learner, model, features), of_arrays)),
            ("learner", learner_cost(model, features, of_arrays)),
            ("learner, 1 challenger", learner_cost(_challenged(model, 1), features, of_arrays)),
            ("learner, 2 challengers", learner_cost(_challenged(model, 2), features, of_arrays)),
        ]
        if model.pipeline is not None:
            of_river = next(slices(of_arrays, options.river))
            rows.append(("learn, River", cost(partial(RiverLearner, model, features), of_river)))
        for what, micros in rows:
            print(f"| {model.spec.name} | {what} | {micros:.2f} | {1e6 / micros:,.0f} |")
        size, micros = snapshot_cost(model, features, of_arrays)
        print(f"| {model.spec.name} | snapshot of {size:,} bytes | {micros:,.0f} | |")


def cost(make: Callable[[], LinearLearner], examples: ExampleColumns) -> float:
    """Of learning alone, in µs an example."""

    def run(learner: LinearLearner) -> None:
        for part in slices(examples, _BLOCK):
            learner.learn(part.vector, part.label)

    return _median(run, make) / len(examples)


def learner_cost(model: Model, features: Sequence[str], examples: ExampleColumns) -> float:
    """Of all that is done with an example, in µs."""

    def run(learner: ModelLearner) -> None:
        for part in slices(examples, _BLOCK):
            learner.learn(part, range(len(part)))

    return _median(run, lambda: ModelLearner(model, features)) / len(examples)


def _challenged(model: Model, count: int) -> Model:
    """The model with the first so many standard challengers."""
    names = [f"{model.spec.name}:{recipe}" for recipe in ("fast_forget", "long_memory")[:count]]
    (made,) = challenged([model], names)
    return made


def snapshot_cost(
    model: Model, features: Sequence[str], examples: ExampleColumns
) -> tuple[int, float]:
    """Size and µs of a snapshot."""
    learner = ModelLearner(model, features)
    learner.learn(examples, range(len(examples)))
    micros = _median(lambda _: version_of(encode(learner.snapshot(1))), lambda: None)
    return len(encode(learner.snapshot(1))), micros


def examples_of(model: Model, features: int, n: int) -> ExampleColumns:
    """Random examples of the size of real ones."""
    random = np.random.default_rng(1)
    amount = model.spec.link == "amount"
    return ExampleColumns(
        shard=(np.arange(n) % 64).astype(np.int32),
        deadline=np.arange(n, dtype=np.int64),
        identities=[Identity(b"household:%d" % i) for i in range(n)],
        models=[model.spec.name] * n,
        open_ts=np.arange(n, dtype=np.int64) - n // 4,
        open_offset=np.arange(n, dtype=np.int64),
        vector=random.normal(1, 1, (n, features)).astype(np.float16),
        served=(random.random(n) * (100 if amount else 1)).astype(np.float32),
        version=np.ones(n, np.uint64),
        label=random.random(n) * 100 if amount else random.integers(0, 2, n).astype(np.float64),
        flags=np.zeros(n, np.uint8),
    )


def _median(run: Callable[[Any], object], make: Callable[[], Any]) -> float:
    times = []
    for _ in range(_REPEATS):
        subject = make()
        began = process_time()
        run(subject)
        times.append((process_time() - began) * 1e6)
    return statistics.median(times)


if __name__ == "__main__":
    main()
