"""Models of the package beside weekly batch training, on the same rows and features.

    python -m benchmarks.quality.run [--data completejourney|cdnow] [--model NAME ...] [--no-batch]
                                     [--write]

Every purchase opens an example. Without --write nothing is written; with it, results/quality.json
gets the figures of what was run, the others stay, and results/quality.md is made of all of them.
Models whose outcome is in no case are run with their own outcome on The Complete Journey.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

from afflux.columns import Kind
from benchmarks.quality.baskets import recommended
from benchmarks.quality.cases import CASES, Case
from benchmarks.quality.page import page
from launcher.data.choose import choose as choose_data
from launcher.data.compact import compact
from launcher.data.names import Name
from launcher.evaluation.batch_oracle import check_installed
from launcher.evaluation.choice import choose
from launcher.evaluation.compared import Asked, compared
from launcher.evaluation.engine import EVERY_EVENT, Rules
from models import discover
from models.next_basket import RECOMMENDERS

RESULTS = Path(__file__).parents[1] / "results"
AT_PURCHASES = replace(EVERY_EVENT, openings=replace(EVERY_EVENT.openings, kinds=(Kind.PURCHASE,)))


def main() -> None:
    """Run the cases that are asked for, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=[c.data.value for c in CASES], default=None)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument(
        "--no-batch", action="store_true", help="online alone: seconds, not minutes"
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not options.no_batch:
        check_installed()
    found: dict[str, Any] = {}
    for case in CASES:
        if options.data in (None, case.data.value):
            found[case.data.value] = run(case, options.model, AT_PURCHASES, not options.no_batch)
    if options.write:
        found = _written(found)
    print(page(found))


def run(case: Case, models: Sequence[str], rules: Rules, batch: bool) -> dict[str, Any]:
    """One case; all models if none is named."""
    data, instead = choose_data(case.data, None)
    if instead:
        sys.exit(instead)
    recommenders = [r.name for r in RECOMMENDERS]
    asked = [n for n in models or recommenders if n in recommenders]
    baskets = recommended(data, case.since_ms, asked)
    if models and all(n in recommenders for n in models):
        return {"from": case.since, "models": {}, "baskets": baskets}
    names = [n for n in models if n not in recommenders] or list(case.outcomes)
    if not models and case.data is Name.completejourney:
        names += [m.spec.name for m in discover() if m.spec.name not in case.outcomes]
    chosen = choose(names, {n: w for n, w in case.outcomes.items() if n in names})
    began = process_time()
    result, engine = compared(chosen, compact(data), rules, Asked(case.since_ms, batch), _tell)
    print(f"\r{case.data.value}: {process_time() - began:.0f} s CPU{'':30}", file=sys.stderr)
    answer = result.to_json()
    for name, model in result.models.items():
        answer["models"][name] = {"outcome": model.outcome, **answer["models"][name]}
    return {
        "from": case.since,
        "slots": engine.catalog.openings.slots,
        **answer,
        "baskets": baskets,
    }


def _tell(what: str, share: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{what} {share:4.0%}", end="", file=sys.stderr, flush=True)


def _written(found: dict[str, Any]) -> dict[str, Any]:
    path = RESULTS / "quality.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, result in found.items():
        before = known.get(name, {})
        parts = {p: {**before.get(p, {}), **result[p]} for p in ("models", "baskets")}
        known[name] = {**before, **result, **parts}
    path.write_text(json.dumps(known, indent=1) + "\n")
    (RESULTS / "quality.md").write_text(page(known))
    return known


if __name__ == "__main__":
    main()
