"""What each model costs: CPU of the step with all models, and with all but one, side by side.

    python -m benchmarks.model_cost [--rounds N] [--write]

Batches of 500 events, every event another person, as in `step_bench.py`; models as they serve: an
amount is a hurdle with its interval. Each round runs every variant once, in turns, so what else the
machine does hits all of them; a model's cost is the median over the rounds of the difference. What
is to hold: at most 2 us an event for a model of the package.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from afflux.catalog import Catalog
from afflux.hurdle import RESIDUAL_QUANTILES, HurdlePart
from afflux.scoring import LinearScorer
from benchmarks.report import machine
from benchmarks.step_bench import run
from core_cases import linear_scorer
from models import discover
from models.contract import HurdleRecipe, Model

RESULTS = Path(__file__).parent / "results"
BATCH, EVENTS = 500, 40_000
LIMIT_US = 2.0


def scorer_of(models: tuple[Model, ...]) -> LinearScorer:
    """Arbitrary snapshots of the form that these models have."""
    plain = linear_scorer(Catalog([m.spec for m in models]))
    residuals = np.linspace(-1.0, 1.0, len(RESIDUAL_QUANTILES))
    return LinearScorer(
        [
            replace(s, hurdle=HurdlePart(s.mean, s.scale, s.weights / 10, 3.0, residuals))
            if isinstance(m.recipe, HurdleRecipe)
            else s
            for m, s in zip(models, plain.snapshots, strict=True)
        ]
    )


def measured(rounds: int) -> dict[str, Any]:
    """Medians over the rounds, in us of CPU an event."""
    models = discover()
    variants = {"": models} | {
        m.spec.name: tuple(other for other in models if other is not m) for m in models
    }
    took: dict[str, list[float]] = {name: [] for name in variants}
    for done in range(rounds):
        for name, chosen in variants.items():
            catalog = Catalog([m.spec for m in chosen])
            took[name].append(run("distinct", BATCH, EVENTS, 0, catalog, scorer_of(chosen))[1])
        print(f"\rround {done + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    of_model = {
        name: [a - b for a, b in zip(took[""], without, strict=True)]
        for name, without in took.items()
        if name
    }
    return {
        "machine": machine(), "batch": BATCH, "rounds": rounds, "limit_us": LIMIT_US,
        "all_models_us": round(median(took[""]), 2),
        "models": {
            name: {"us": round(median(d), 2), "least": round(min(d), 2), "most": round(max(d), 2)}
            for name, d in of_model.items()
        },
    }  # fmt: skip


def page(found: dict[str, Any]) -> str:
    """The figures in Markdown."""
    models = found["models"]
    head = (
        "# What a model costs\n\n"
        f"A step with all {len(models)} models costs {found['all_models_us']} us of CPU an event, "
        f"in batches of {found['batch']}, every event another person. What each of them adds "
        f"to the others, the median of {found['rounds']} interleaved rounds; at most "
        f"{found['limit_us']:g} us is wanted. `make model-cost` writes this page.\n\n"
        "| model | us an event | least, most |\n|---|---|---|\n"
    )
    rows = (f"| {n} | {m['us']} | {m['least']}, {m['most']} |\n" for n, m in models.items())
    return head + "".join(rows)


def main() -> None:
    """Measure, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="results/model-cost.json and .md")
    options = parser.parse_args()
    found = measured(options.rounds)
    if options.write:
        (RESULTS / "model-cost.json").write_text(json.dumps(found, indent=1) + "\n")
        (RESULTS / "model-cost.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
