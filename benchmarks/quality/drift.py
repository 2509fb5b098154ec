"""Drift: two halves of the people exchange their behaviour; who learns it from how many labels?

    python -m benchmarks.quality.drift [--data generated|completejourney] [--people N] [--write]

Generated visits, not real (the default): one half of the people is shown campaigns and then buys
within days in most cases, the other half seldom does; in the middle of the log they change roles,
so what campaigns mean is reversed. A purchase within 7 days is predicted at every visit.

On The Complete Journey half of the households are paired, the one that shops most with the one that
shops least and so on, and from the middle on each has the events of the other; predicted at every
purchase. What the features mean stays as it was there, only people are misjudged for a while.

Afflux waits for labels, learns early, or waits and forgets ten times as fast; a batch team trains
LightGBM and a logistic regression anew every week on all labels known by then. A column counts as
recovered from the week on in which its log-loss, over two weeks, stays near the best column's:
nearer than a tenth of what was farthest off.
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

from afflux.columns import F64, I64, Bool, Kind
from afflux.limits import DAY_MS
from afflux.names import Identity, ModelName
from afflux.outcomes import Eligible
from benchmarks.quality.run import AT_PURCHASES
from launcher.data.choose import choose as choose_data
from launcher.data.compact import compact
from launcher.data.names import Name
from launcher.evaluation.batch_oracle import WEEK_MS, predictions
from launcher.evaluation.engine import EVERY_EVENT, Engine, Rules
from launcher.evaluation.event_log import EVENT, EventsInMemory
from launcher.evaluation.judge import Kept, figures
from models import purchase_7d
from models.contract import Model, NewtonRecipe

RESULTS = Path(__file__).parents[1] / "results"
WEEKS_BEFORE, WEEKS_AFTER = 2, 21
_FIRST = 1_704_067_200_000  # 2024-01-01
WAITING = purchase_7d.MODEL
EARLY = replace(
    WAITING, spec=replace(WAITING.spec, name=ModelName("purchase_7d_early"), early=True)
)
QUICK = replace(
    WAITING,
    spec=replace(WAITING.spec, name=ModelName("purchase_7d_quick")),
    recipe=NewtonRecipe("log", forget=5e-4),
)
ONLINE = {"afflux": WAITING, "afflux, early": EARLY, "afflux, forgets faster": QUICK}
COLUMNS = (*ONLINE, "lightgbm", "logistic")


def main() -> None:
    """Run it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("generated", "completejourney"), default="generated")
    parser.add_argument("--people", type=int, default=450)
    parser.add_argument("--write", action="store_true", help="results/drift.json and drift.md")
    options = parser.parse_args()
    found = (generated if options.data == "generated" else journey)(options.people)
    if options.write:
        (RESULTS / "drift.json").write_text(json.dumps(found, indent=1) + "\n")
        (RESULTS / "drift.md").write_text(page(found))
    print(page(found))


def generated(people: int) -> dict[str, Any]:
    """Roles of campaigns reversed in the middle. The same people give the same log."""
    log, middle = visits(people)
    title = (
        f"Generated visits of {people:,} people, not real. Until the middle who is shown campaigns "
        "buys within days in most cases, others seldom; then it is the other way round. Predicted "
        "at each visit: a purchase within 7 days."
    )
    rules = replace(EVERY_EVENT, openings=replace(EVERY_EVENT.openings, kinds=(Kind.PAGE_VIEW,)))
    of_views = Eligible("views")
    models = [replace(m, spec=replace(m.spec, eligible=of_views)) for m in ONLINE.values()]
    return {"title": title, **run(log, middle, models, rules, set(range(people)))}


def journey(people: int) -> dict[str, Any]:
    """Households of The Complete Journey in each other's place."""
    data, instead = choose_data(Name.completejourney, None)
    if instead:
        sys.exit(instead)
    whole = compact(data)
    log = EventsInMemory(whole.identities, whole.events[whole.events["who"] < people])
    middle = int(np.median(log.events["ts"])) // DAY_MS * DAY_MS
    swapped, changed = swap(log, middle)
    title = (
        f"The Complete Journey, {people:,} households; from the middle on {len(changed):,} of them "
        "have the events of another one, the busiest those of the quietest. Predicted at each "
        "purchase: another one within 7 days. Figures are of those households."
    )
    return {"title": title, **run(swapped, middle, list(ONLINE.values()), AT_PURCHASES, changed)}


def run(
    log: EventsInMemory, middle: int, models: list[Model], rules: Rules, people: set[int]
) -> dict[str, Any]:
    """Figures by week, of the examples of these people."""
    kept = _People()
    Engine(models, log, rules, kept).run(_tell)
    since = middle - WEEKS_BEFORE * WEEK_MS
    found = predictions(kept.of(0), "probability", since)
    at, examples = found.row, kept.of(0)
    online = [kept.of(m).served[at] for m in range(len(models))]
    batch = [found.batch[name] for name in COLUMNS[len(models) :]]
    columns = dict(zip(COLUMNS, [*online, *batch], strict=True))
    mine = kept.are(at, people)
    after = np.sort(examples.deadline[examples.open_ts >= middle])
    weeks = [
        {"week": week, "labels": labels, **_figures(columns, found.label, here & mine)}
        for week, labels, here in _weeks(examples.open_ts[at], middle, after)
    ]
    before = int(np.count_nonzero(examples.open_ts < middle))
    return {"events": len(log), "before": before, "weeks": [w for w in weeks if w["examples"]]}


def visits(people: int, weeks: int = 44) -> tuple[EventsInMemory, int]:
    """A visit every four days or so; who is to buy does so within five days of it.

    People come at any time in the first three quarters, so that how long somebody is known does
    not tell the date.
    """
    rng = np.random.default_rng(11)
    span = weeks * WEEK_MS
    who = np.repeat(np.arange(people, dtype=np.int32), span // (4 * DAY_MS))
    at = rng.integers(0, span, len(who))
    since = rng.integers(0, span * 3 // 4, people)
    who, at = who[at >= since[who]], at[at >= since[who]]
    likely = (who % 2 == 0) == (at < span // 2)
    buys = rng.random(len(who)) < np.where(likely, 0.28, 0.05)
    shown = np.arange(0, people, 2, dtype=np.int32)
    campaigns = np.repeat(shown, weeks)
    when = np.tile(np.arange(weeks) * WEEK_MS, len(shown)) + rng.integers(0, DAY_MS, len(campaigns))
    campaigns, when = campaigns[when >= since[campaigns]], when[when >= since[campaigns]]
    parts = [
        (who, at, Kind.PAGE_VIEW),
        (who[buys], at[buys] + rng.integers(1, 5 * DAY_MS, int(buys.sum())), Kind.PURCHASE),
        (campaigns, when, Kind.EXPOSURE),
    ]
    events = np.zeros(sum(len(w) for w, _, _ in parts), EVENT)
    events["who"] = np.concatenate([w for w, _, _ in parts])
    events["ts"] = _FIRST + np.concatenate([t for _, t, _ in parts])
    events["kind"] = np.concatenate([np.full(len(w), kind) for w, _, kind in parts])
    events["amount"] = np.where(events["kind"] == Kind.PURCHASE, 20.0, 0.0)
    events["id"] = np.arange(1, len(events) + 1)
    events = events[np.argsort(events["ts"], kind="stable")]
    names = [Identity(b"person:%d" % i) for i in range(people)]
    return EventsInMemory(names, events), _FIRST + span // 2


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
    later = [w for w in weeks if w["week"] >= 0]
    losses = {c: np.array([w[c]["logloss"] for w in later]) for c in COLUMNS}
    best = np.min(list(losses.values()), axis=0)
    worst = max(float((of - best).max()) for of in losses.values())
    found: dict[str, int | None] = {}
    for column, of in losses.items():
        smooth = np.convolve(of - best, np.ones(2) / 2, "valid")  # one week alone is noise
        bad = (smooth > 0.1 * worst).nonzero()[0]
        first = int(bad[-1]) + 1 if len(bad) else 0
        found[column] = int(later[first]["labels"]) if first < len(smooth) else None
    return found


def page(found: Mapping[str, Any]) -> str:
    """The results in Markdown."""
    return "\n".join(_page(found)) + "\n"


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    yield "# A change of behaviour, and who learns it\n"
    yield (
        f"{found['title']} Batch models are trained anew each week on all labels known by then. "
        f"{found['before']:,} examples opened before the change. `make drift` writes this page.\n"
    )
    yield (
        "Labels of the new behaviour that were known when the log-loss was down for good (to a "
        "tenth of what anything was worse than the best column at that time):\n"
    )
    for column, labels in recovered(found["weeks"]).items():
        said = "not within these weeks" if labels is None else f"{labels:,}"
        yield f"- {column}: {said}"
    yield "\nLog-loss and AUC of each week; labels are those known at its beginning:\n"
    yield f"| week | labels | examples | {' | '.join(COLUMNS)} |"
    yield "|---|---|---|" + "---|" * len(COLUMNS)
    for w in found["weeks"]:
        cells = " | ".join(f"{w[c]['logloss']:.4f}, {w[c].get('auc', 0):.3f}" for c in COLUMNS)
        yield f"| {w['week']} | {w['labels']:,} | {w['examples']:,} | {cells} |"


def _tell(events: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{events:,} events", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
