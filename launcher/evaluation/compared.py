"""A log through the engine, judged, and compared with the batch oracle: what all callers run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import Bool
from launcher.evaluation.batch_oracle import WEEK_MS, compare
from launcher.evaluation.engine import Engine, Rules
from launcher.evaluation.event_log import EventLog
from launcher.evaluation.judge import Judge, Kept
from launcher.evaluation.result import ModelResult, Result
from models.contract import Model

WARM_UP_WEEKS = 8
"""Of a comparison with batch, where no day is given."""

Told = Callable[[str, float], None]
"""(what is done, share of it that is done, 0 to 1)."""


@dataclass(frozen=True)
class Asked:
    """What is compared."""

    since: int | None = None
    """Predictions from this moment on, ms; None for all, or after eight weeks with batch."""
    batch: bool = False


def compared(
    models: Sequence[Model], log: EventLog, rules: Rules, asked: Asked, told: Told | None = None
) -> tuple[Result, Engine]:
    """Replay the log, then compare."""
    began = time.perf_counter()
    tell = told or (lambda what, share: None)
    since = asked.since
    if since is None and asked.batch:
        opens = Catalog([m.spec for m in models], rules.openings).opens
        first = _first_opening(log, opens if rules.openings.kinds else None)
        since = first + WARM_UP_WEEKS * WEEK_MS
    judge = Judge(models) if since is None else Judge(models, since)
    kept = Kept() if asked.batch else None

    def sink(closed: NDArray[np.void]) -> None:
        judge(closed)
        if kept is not None:
            kept(closed)

    engine = Engine(models, log, rules, sink)
    rows = max(1, len(log))
    engine.run(lambda _: tell("replay", engine.progress / rows))
    found: dict[str, ModelResult] = {}
    for m, model in enumerate(models):
        if kept is None or since is None:
            column = judge.columns[model.spec.name]
            figures, batch = column.figures(), {}
            examples, positives = column.examples, column.positives
        else:
            weekly = _Share(tell, m, len(models))
            both = compare(kept.of(m), model.spec.link, since, weekly)
            figures, batch = dict(both.online), dict(both.batch)
            examples, positives = both.examples, both.positives
        words = model.spec.outcome.describe()
        found[model.spec.name] = ModelResult(words, examples, positives, figures, batch)
    seconds = time.perf_counter() - began
    return Result(engine.events, engine.people.seen, seconds, found), engine


@dataclass(frozen=True)
class _Share:
    """Tells weeks of one of several models as a share of all."""

    tell: Told
    model: int
    models: int

    def __call__(self, week: int, weeks: int) -> None:
        self.tell("batch", (self.model + week / weeks) / self.models)


def _first_opening(log: EventLog, opening: Bool | None) -> int:
    """Event time of the first event that may open an example; the first of all if there is none."""
    first = None
    for block in log.blocks(100_000):
        first = int(block["ts"][0]) if first is None else first
        opens = np.ones(len(block), np.bool_) if opening is None else opening[block["kind"]]
        if opens.any():
            return int(block["ts"][opens][0])
    return first or 0
