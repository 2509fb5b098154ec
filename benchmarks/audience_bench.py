"""Cost of audiences per event: rules over rows, memberships, deadlines.

python -m benchmarks.audience_bench [--write]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from afflux.attributes import Value
from afflux.audiences.membership import Memberships, change
from afflux.audiences.profile_columns import ProfileColumns
from afflux.audiences.typed import Type
from afflux.audiences.vocabulary import Vocabulary
from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.limits import DAY_MS
from audience_rules import compile_rules
from models import default_models

RESULTS = Path(__file__).parent / "results" / "audiences.md"
START = 1_483_228_800_000
ROUNDS, REPEATS = 200, 5

RULES = {
    "buyers": "now - events.purchases.last < duration('168h')",
    "lost": "!has(events.purchases.last) || now - events.purchases.last >= duration('336h')",
    "big_spenders": "events.revenue.total > 500 && events.purchases.total >= 5",
    "at_risk": "scores.churn.value > 0.6 && scores.churn.trusted",
    "worth_keeping": "audiences.at_risk && scores.lifetime_value.percentile >= 80",
    "gold": "attributes.tier in ['gold', 'platinum']",
    "young_gold": "audiences.gold && has(attributes.age) && attributes.age < 30",
    "window_shoppers": "events.views.decayed_7d > 3.0 && events.purchases.decayed_60d < 0.5",
    "regulars": "profile.gap_ratio < 1.0 && profile.purchases_60d > 1.5 && !audiences.lost",
    "call_them": "(audiences.worth_keeping || audiences.young_gold) && !audiences.buyers && "
    "now - events.events.last < duration('720h') && attributes.city.startsWith('K')",
}
CATALOG = Catalog(default_models())
WORDS = Vocabulary.of_catalog(CATALOG, {"tier": Type.STRING, "city": Type.STRING, "age": Type.INT})


class People:
    """n rows as a step leaves them, of people with some history."""

    def __init__(self, n: int) -> None:
        random = np.random.default_rng(1)
        self.now = START + random.integers(0, DAY_MS, n)
        self.fragment = CATALOG.new_fragments(n)
        self.fragment["last_ts"] = self.now
        self.fragment["first_ts"] = self.now - random.integers(0, 300, n) * DAY_MS
        ago = random.integers(0, 40 * DAY_MS, (n, len(Kind)))
        known = random.random((n, len(Kind))) < 0.8
        self.fragment["kind_last"] = np.where(known, self.now[:, None] - ago, 0)
        self.fragment["life"] = random.integers(0, 900, self.fragment["life"].shape)
        self.served = CATALOG.new_served(n)
        shape = self.served["value"].shape
        self.served["value"] = np.where(random.random(shape) < 0.9, random.random(shape), np.nan)
        self.served["percentile"] = random.integers(1, 100, shape)
        self.served["bucket"] = random.integers(0, 3, shape)
        self.served["trusted"] = 1
        self.matrix = CATALOG.matrix(self.fragment, self.now)
        self.attributes: list[dict[str, Value]] = [
            {"tier": tier, "city": city, "age": age}
            for tier, city, age in zip(
                random.choice(["none", "gold", "platinum"], n).tolist(),
                random.choice(["Köln", "Kiel", "Bonn", "Ulm"], n).tolist(),
                random.integers(18, 90, n).tolist(),
                strict=True,
            )
        ]
        self.stored = [json.dumps(a) for a in self.attributes]

    def frame(self) -> ProfileColumns:
        """A new one: no column is made yet. The step has the matrix already."""
        return ProfileColumns(
            CATALOG, self.fragment, self.served, self.attributes, self.now, self.matrix
        )


def microseconds(work: Callable[[], object], n: int) -> float:
    """CPU µs an event, the median of several runs."""
    rounds = max(5, ROUNDS * 500 // max(n, 100) // 5)
    spent = []
    for _ in range(REPEATS):
        began = time.process_time_ns()
        for _ in range(rounds):
            work()
        spent.append((time.process_time_ns() - began) / rounds / n / 1000)
    return statistics.median(spent)


def table() -> list[str]:
    """The rows of the table."""
    program = compile_rules(RULES, WORDS)
    lines = [
        f"{len(RULES)} rules, {len(program)} operations, {len(program.columns)} columns, "
        f"{len(program.timed)} rules with time",
        "",
        "| batch | rules, deadlines included | memberships | both | reading attributes (JSON) |",
        "|--:|--:|--:|--:|--:|",
    ]
    for n in (1, 10, 50, 500, 2000):
        people = People(n)
        answer = program.run(people.frame())
        before = Memberships(~answer.inside, np.zeros(answer.inside.shape, np.int64))
        rules = microseconds(lambda p=people: program.run(p.frame()), n)  # type: ignore[misc]
        members = microseconds(
            lambda a=answer, b=before, t=people.now: change(b, a, t),  # type: ignore[misc]
            n,
        )
        reading = microseconds(lambda p=people: [json.loads(s) for s in p.stored], n)  # type: ignore[misc]
        lines.append(
            f"| {n:,} | {rules:.2f} | {members:.2f} | **{rules + members:.2f}** | {reading:.2f} |"
        )
    return lines


def main() -> None:
    """Print the table; with --write also into results/audiences.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    lines = table()
    print("\n".join(lines))
    if write:
        rules = "\n".join(f"{name}: {rule}" for name, rule in RULES.items())
        head = (
            "# Audiences: cost of ten rules an event\n\n"
            "By `python -m benchmarks.audience_bench --write`: CPU µs an event, median of "
            f"{REPEATS} runs,\non a machine that others use too; "
            f"Python {platform.python_version()}, NumPy {np.__version__}.\n"
            "Columns are made from rows as a step leaves them, feature vectors are the step's,\n"
            "attributes are Python values already; what it costs to read them is beside.\n\n"
        )
        RESULTS.write_text(f"{head}{chr(10).join(lines)}\n\n```\n{rules}\n```\n")


if __name__ == "__main__":
    main()
