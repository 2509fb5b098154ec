"""Drift: half of the people change their behaviour half-way; who learns it from how many labels?

    python -m benchmarks.quality.drift [--households N] [--write]

The Complete Journey. Half of the households, chosen by hash, are paired, the one that shops most
with the one that shops least and so on; from the middle of the log on each has the events of the
other, so what is known of them misleads. Purchase within 7 days is predicted at every purchase: by
Afflux (waiting for labels, and learning early), and by a batch team that trains LightGBM and a
logistic regression anew every week on all labels known by then. A week of a column counts as
recovered when its log-loss over the swapped people is down to the level that the best column has at
the end, or within a tenth of what the change cost at its worst.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, Bool
from afflux.limits import DAY_MS
from afflux.names import ModelName
from benchmarks.quality.run import AT_PURCHASES
from launcher.data.choose import choose as choose_data
from launcher.data.compact import compact
from launcher.data.names import Name
from launcher.evaluation.batch_oracle import WEEK_MS, predictions
from launcher.evaluation.engine import Engine
from launcher.evaluation.event_log import EventsInMemory
from launcher.evaluation.judge import Kept, figures
from models import purchase_7d

RESULTS = Path(__file__).parents[1] / "results"
WEEKS_BEFORE, WEEKS_AFTER = 3, 20
WAITING = purchase_7d.MODEL
EARLY = replace(
    WAITING, spec=replace(WAITING.spec, name=ModelName("purchase_7d_early"), early=True)
)
COLUMNS = ("afflux", "afflux, early", "lightgbm", "logistic")


def main() -> None:
    """Run it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=None, help="so many; all if not given")
    parser.add_argument("--write", action="store_true", help="results/drift.json and drift.md")
    options = parser.parse_args()
    data, instead = choose_data(Name.completejourney, None)
    if instead:
        sys.exit(instead)
    log = some_of(compact(data), options.households)
    found = run(log)
    if options.write:
        (RESULTS / "drift.json").write_text(json.dumps(found, indent=1) + "\n")
        (RESULTS / "drift.md").write_text(page(found))
    print(page(found))


def run(log: EventsInMemory) -> dict[str, Any]:
    """The experiment over a log."""
    middle = int(np.median(log.events["ts"])) // DAY_MS * DAY_MS
    swapped, changed = swap(log, middle)
    kept = _People()
    Engine([WAITING, EARLY], swapped, AT_PURCHASES, kept).run(_tell)
    since = middle - WEEKS_BEFORE * WEEK_MS
    waiting = predictions(kept.of(0), "probability", since)
    at = waiting.row
    examples, early = kept.of(0), kept.of(1)
    assert np.array_equal(examples.open_ts, early.open_ts)
    columns = dict(
        zip(COLUMNS, (waiting.online, early.served[at], *_batch(waiting.batch)), strict=True)
    )
    opened = examples.open_ts[at]
    after = np.sort(examples.deadline[examples.open_ts >= middle])
    weeks = _weeks(opened, middle, after)
    return {
        "events": len(log), "profiles": len(log.identities), "swapped": len(changed),
        "middle": middle, "weeks": [
            {
                "week": week, "labels": labels,
                "swapped": _figures(columns, waiting.label, here & kept.are(at, changed)),
                "others": _figures(columns, waiting.label, here & ~kept.are(at, changed)),
            }
            for week, labels, here in weeks
        ],
    }  # fmt: skip


def swap(log: EventsInMemory, middle: int) -> tuple[EventsInMemory, set[int]]:
    """The log with half of the people exchanged from the middle on; and who they are."""
    events = log.events.copy()
    early = np.bincount(events["who"][events["ts"] < middle], minlength=len(log.identities))
    chosen = np.random.default_rng(2017).permutation(len(log.identities))
    chosen = chosen[: len(chosen) // 4 * 2]
    ranked = chosen[np.argsort(early[chosen], kind="stable")]
    other = np.arange(len(log.identities))
    other[ranked] = ranked[::-1]
    later = events["ts"] >= middle
    events["who"][later] = other[events["who"][later]]
    return EventsInMemory(log.identities, events), set(ranked.tolist())


def some_of(log: EventsInMemory, households: int | None) -> EventsInMemory:
    """The events of so many people."""
    if households is None:
        return log
    return EventsInMemory(log.identities, log.events[log.events["who"] < households])


class _People(Kept):
    """Keeps whose examples they are, too."""

    def __init__(self) -> None:
        super().__init__()
        self._who: list[NDArray[np.int32]] = []

    def __call__(self, closed: NDArray[np.void]) -> None:
        super().__call__(closed)
        self._who.append(closed["row"][closed["model"] == 0].copy())

    def are(self, at: I64, people: set[int]) -> Bool:
        """Whether the examples of the first model at these places are of some people."""
        return np.isin(np.concatenate(self._who)[at], list(people))


def _batch(columns: Mapping[str, F64]) -> Iterator[F64]:
    return (columns[name] for name in COLUMNS[2:])


def _weeks(opened: I64, middle: int, after: I64) -> Iterator[tuple[int, int, Bool]]:
    """Number of the week from the change, labels of what came after it, which examples."""
    for week in range(-WEEKS_BEFORE, WEEKS_AFTER):
        start = middle + week * WEEK_MS
        here = (opened >= start) & (opened < start + WEEK_MS)
        yield week, int(np.searchsorted(after, start)), here


def _figures(columns: Mapping[str, F64], label: F64, here: Bool) -> dict[str, Any]:
    return {
        "examples": int(here.sum()),
        **{
            name: {
                k: round(v, 4)
                for k, v in figures("probability", served[here], label[here]).items()
                if k in ("auc", "logloss")
            }
            for name, served in columns.items()
        },
    }


def recovered(weeks: list[dict[str, Any]]) -> dict[str, int | None]:
    """Labels of the new behaviour that each column needed; None if it has not recovered."""
    later = [w for w in weeks if w["week"] >= 0 and w["swapped"]["examples"]]
    losses = {c: np.array([w["swapped"][c]["logloss"] for w in later]) for c in COLUMNS}
    level = min(float(of[-4:].mean()) for of in losses.values())
    worst = max(float(of.max()) for of in losses.values())
    found: dict[str, int | None] = {}
    for column, of in losses.items():
        smooth = np.convolve(of, np.ones(2) / 2, "valid")  # two weeks: one alone is noise
        good = (smooth <= level + 0.1 * (worst - level)).nonzero()[0]
        found[column] = int(later[good[0]]["labels"]) if len(good) else None
    return found


def page(found: Mapping[str, Any]) -> str:
    """The results in Markdown."""
    return "\n".join(_page(found)) + "\n"


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    yield "# Half of the people change places\n"
    yield (
        f"The Complete Journey, {found['events']:,} events; from the middle on {found['swapped']:,}"
        f" of {found['profiles']:,} households have the events of another, the busiest those of "
        "the quietest. Predicted at each purchase: another one within 7 days. Batch models are "
        "trained anew each week on all labels known by then. `make drift` writes this page.\n"
    )
    yield "Labels of the new behaviour after which the log-loss was down again:\n"
    for column, labels in recovered(found["weeks"]).items():
        said = "not within these weeks" if labels is None else f"{labels:,}"
        yield f"- {column}: {said}"
    yield "\nLog-loss, and AUC, of the swapped households, week by week:\n"
    yield f"| week | labels | examples | {' | '.join(COLUMNS)} |"
    yield "|---|---|---|" + "---|" * len(COLUMNS)
    for w in found["weeks"]:
        of = w["swapped"]
        cells = " | ".join(f"{of[c]['logloss']:.4f}, {of[c].get('auc', 0):.3f}" for c in COLUMNS)
        yield f"| {w['week']} | {w['labels']:,} | {of['examples']:,} | {cells} |"


def _tell(events: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{events:,} events", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
