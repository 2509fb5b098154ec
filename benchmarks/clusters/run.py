"""Audience clusters, online, beside scikit-learn's MiniBatchKMeans refitted every day.

    python -m benchmarks.clusters.run [--write]

The stream is folded as workers do; the clusters learn from the openings when their examples close,
as the learner does. At the end of every day everybody who was seen gets a cluster from the vector
of that moment, online with the margin for their cluster of the day before. The same vectors,
standardised, are what MiniBatchKMeans is fitted to. Settings are the same for both data sets.

Stability is the adjusted Rand index between consecutive days, of the people of both days.
Silhouettes are of the same 1,000 people, in the standardised space of that day.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64
from afflux.limits import DAY_MS
from benchmarks.clusters.page import page
from launcher.data.choose import choose
from launcher.data.compact import compact
from launcher.data.names import Name
from launcher.evaluation.engine import Engine, Rules
from models import discover
from models.clusters import ClusterLearner
from models.people_sample import adjusted_rand

RESULTS = Path(__file__).parents[1] / "results"
DATA = (Name.completejourney, Name.cdnow)
SOURCE = "purchase_7d"
EVERY = 7
"""Days between two fits that silhouettes are of; pairs of consecutive days are taken there."""


@dataclass
class Day:
    """Everybody at the end of a day."""

    day: int
    who: I64
    matrix: NDArray[np.float16]
    closed: list[NDArray[np.void]] = field(default_factory=list)


def days(name: Name) -> Iterator[tuple[Day, Engine]]:
    """The data set day by day, with the examples that closed on it."""
    data, instead = choose(name, None)
    if instead:
        sys.exit(instead)
    log = compact(data)
    closed: list[NDArray[np.void]] = []
    models = [m for m in discover() if m.spec.name == SOURCE]
    engine = Engine(models, log, Rules(), lambda examples: closed.append(examples.copy()))
    of = log.events["ts"] // DAY_MS
    ends = [*(np.flatnonzero(np.diff(of)) + 1).tolist(), len(of)]
    start = 0
    for end in ends:
        for at in range(start, end, engine.rules.batch):
            engine.advance(log.events[at : min(at + engine.rules.batch, end)])
        fragments, _ = engine.people.rows()
        who = np.flatnonzero(fragments["last_offset"] >= 0)
        day = int(of[start])
        at_end = np.full(len(who), (day + 1) * DAY_MS)
        yield Day(day, who, engine.catalog.matrix(fragments[who], at_end), list(closed)), engine
        closed.clear()
        start = end


def run(name: Name) -> dict[str, Any]:
    """Figures of one data set."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import silhouette_score

    learner: ClusterLearner | None = None
    online = batch = np.empty(0, np.int64)
    stability, refitted = [], []
    silhouettes: list[tuple[int, float, float]] = []
    learning = 0.0
    for number, (day, engine) in enumerate(days(name)):
        if learner is None:
            learner = ClusterLearner(engine.catalog.features)
            online = np.zeros(len(engine.people.identities), np.int64)
            batch = online.copy()
        began = process_time()
        for closed in day.closed:
            hashes = engine.people.hashes[closed["row"]].astype(np.int64)
            learner.learn(hashes, closed["vector"], closed["open_ts"])
        learning += process_time() - began
        clustering = learner.clustering
        if clustering is None:
            continue
        before = online[day.who]
        online[day.who] = clustering.assign(day.matrix, before.astype(np.uint32))
        known = before > 0
        if known.sum() > 1:
            stability.append(adjusted_rand(before[known], online[day.who][known]))
        if number % EVERY in (0, 1):
            points = _standardised(day.matrix[:, clustering.columns].astype(np.float64))
            fit = MiniBatchKMeans(learner.settings.clusters, n_init=3, random_state=day.day)
            mine, was = fit.fit_predict(points) + 1, batch[day.who]
            if number % EVERY:
                refitted.append(adjusted_rand(was[was > 0], mine[was > 0]))
                some = np.random.default_rng(1).permutation(len(points))[:1_000]
                both = [
                    float(silhouette_score(points[some], labels[some]))
                    for labels in (online[day.who], mine)
                    if len(np.unique(labels[some])) > 1
                ]
                if len(both) == 2:
                    silhouettes.append((day.day, both[0], both[1]))
            batch[day.who] = mine
    assert learner is not None
    _, own, theirs = np.array(silhouettes).T
    return {
        "days": len(stability),
        "stability": _figures(np.array(stability)),
        "refitted_stability": _figures(np.array(refitted)),
        "silhouette": round(float(own.mean()), 3),
        "refitted_silhouette": round(float(theirs.mean()), 3),
        "silhouette_by_day": [[int(d), round(a, 3), round(b, 3)] for d, a, b in silhouettes],
        "openings": learner.openings,
        "us_an_opening": round(1e6 * learning / max(learner.openings, 1), 2),
        "retired": learner.metrics()["retired"],
        "clusters": [
            {"people": people, "description": words}
            for people, words in zip(learner.sizes(), learner.descriptions(), strict=True)
        ],
    }


def _standardised(points: F64) -> F64:
    spread = points.std(axis=0)
    return np.asarray((points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _figures(values: F64) -> dict[str, float]:
    return {
        "mean": round(float(values.mean()), 3),
        "p5": round(float(np.quantile(values, 0.05)), 3),
        "least": round(float(values.min()), 3),
    }


def main() -> None:
    """Run both data sets, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    found = {name.value: run(name) for name in DATA}
    text = page(found)
    if options.write:
        (RESULTS / "clusters.json").write_text(json.dumps(found, indent=1) + "\n")
        (RESULTS / "clusters.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
