"""All that is said of how good a model is: what was served, by segment, intervals, and drift.

Drift is looked for in a loss between 0 and 1, as ADWIN needs it: the squared error of a
probability; of an amount the distance of the logarithms ln(1 + amount), at most 8, by 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64
from afflux.scoring import Link
from models.adwin import Adwin, Change
from models.as_of import AsOf
from models.contract import Model, Vectors
from models.history import Entry, History
from models.interval_quality import IntervalQuality
from models.progressive import quality_of
from models.roster import Labelled
from models.segment_quality import SegmentQuality
from models.snapshot import Snapshot

_FARTHEST = 8.0
_STRETCH, _EVERY = 128, 8
"""Intervals are judged of 128 examples in each 1,024: they have to be computed again."""

_LEAF, _CLOCK = 64, 2
"""Examples of ADWIN's smallest bucket, and how many of those lie between two looks for drift."""


class Judge:
    """Judges one model; no figure depends on how examples were cut into blocks."""

    def __init__(self, model: Model, features: Sequence[str]) -> None:
        self._link: Link = model.spec.link
        self._segments, self._features = model.segments, tuple(features)
        self._quality = quality_of(self._link)
        self._by_segment = SegmentQuality(self._link, model.segments.names)
        self._intervals = IntervalQuality() if self._link == "amount" else None
        self._drift = Adwin(leaf=_LEAF, clock=_CLOCK)
        self.history = History()
        self.latest = 0
        """When the latest judged example was closed, ms."""

    def served(self, served: F64, labels: F64, x: Vectors, closed: I64, numbers: I64) -> bool:
        """Judge what was served, in order; whether its loss was found to have risen.

        closed, numbers: of each example, when it was closed (ms), and its number.
        """
        if not len(served):
            return False
        self._quality.add(served, labels)
        self._by_segment.add(served, labels, self._segments.of(x, self._features))
        before = self._drift.seen + self._drift.waiting
        changes = self._drift.add(_bounded(self._link, served, labels))
        for change in changes:
            end = change.seen - before
            at = int(closed[:end].max())
            self.history.add(self._entry(change, max(at, self.latest), int(numbers[end - 1])))
        self.latest = max(self.latest, int(closed.max()))
        return any(change.after > change.before for change in changes)

    def _entry(self, change: Change, at: int, example: int) -> Entry:
        scale = _FARTHEST if self._link == "amount" else 1.0
        rose = "risen" if change.after > change.before else "fallen"
        loss = "logarithmic error" if self._link == "amount" else "squared error"
        before, after = change.before * scale, change.after * scale
        text = f"the {loss} of what is served has {rose} from {before:.3f} to {after:.3f}"
        figures = {
            "loss_before": before, "loss_after": after, "examples_since": float(change.since),
        }  # fmt: skip
        return Entry("drift", at, example, "rule", text, figures)

    def intervals(self, past: AsOf, part: Labelled, before: int) -> None:
        """Judge what an amount's interval would have been; `before`: examples before these."""
        if self._intervals is None:
            return
        number = before + np.arange(len(part.labels))
        chosen = np.flatnonzero(number // _STRETCH % _EVERY == 0)
        if len(chosen):
            opened, labels = part.opened[chosen], part.labels[chosen]
            self._intervals.add(*past.said(part.vectors[chosen], opened), opened, labels)

    def keep(self, time: float) -> None:
        """At the moments when states are kept."""
        if self._intervals is not None:
            self._intervals.keep(time, self._quality.label_counts)

    @property
    def trusted(self) -> bool:
        """Whether the model is past its gate."""
        return self._quality.trusted

    def figures(self) -> dict[str, float]:
        """Since the start and recent, of everybody."""
        more = {} if self._intervals is None else self._intervals.figures()
        return {**self._quality.figures(), **more}

    def state(self) -> dict[str, NDArray[Any]]:
        """All that it knows, but for the history."""
        return {
            **self._quality.state(),
            **self._by_segment.state(),
            **({} if self._intervals is None else self._intervals.state()),
            **self._drift.state(),
            "judge.latest": np.array([self.latest]),
        }

    def load(self, snapshot: Snapshot) -> None:
        """Go on from there. Segments that are declared otherwise by now begin anew."""
        memory = snapshot.memory
        self._quality.load(memory)
        if snapshot.segment_names == self._segments.names:
            self._by_segment.load(memory)
        if self._intervals is not None:
            self._intervals.load(memory)
        self._drift.load(memory)
        self.latest = int(memory["judge.latest"][0])
        self.history = History(snapshot.history, snapshot.drifts)


def _bounded(link: Link, served: F64, labels: F64) -> F64:
    if link == "probability":
        return np.asarray((served - labels) ** 2)
    far = np.abs(np.log1p(served) - np.log1p(labels))
    return np.asarray(np.minimum(far, _FARTHEST) / _FARTHEST)
