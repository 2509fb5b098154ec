"""How good a model is, from its snapshot: figures are functions of what validation remembers.

So a snapshot is taken without computing them, and whoever asks computes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from afflux.scoring import Link
from models.contract import Arrays
from models.interval_quality import IntervalQuality
from models.progressive import quality_of
from models.segment_quality import Curve, SegmentQuality
from models.segments import ALL
from models.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Figures:
    """Progressive validation of what a model served, as of a place in the log of examples."""

    metrics: Mapping[str, float]
    """Since the start and, under `recent_` names, recent."""
    segments: Mapping[str, Mapping[str, float]]
    """The same of each segment that has somebody."""
    curves: Mapping[str, tuple[Curve, Curve]]
    """Calibration since the start and recent, of `all` and of each segment; none of amounts."""


def figures_of(snapshot: Snapshot) -> Figures:
    """The figures as the learner had them when it took the snapshot."""
    memory, link = snapshot.memory, snapshot.link
    quality = quality_of(link)
    quality.load(memory)
    by_segment = SegmentQuality(link, snapshot.segment_names)
    by_segment.load(memory)
    whole = quality.curve()
    untrained, uncertain, *_ = memory["counts"].tolist()
    return Figures(
        metrics={
            **quality.figures(),
            **_interval_figures(link, memory),
            **how_served(untrained, uncertain),
        },
        segments=by_segment.figures(),
        curves={} if whole is None else {ALL: whole, **by_segment.curves()},
    )


def how_served(untrained: int, uncertain: int) -> dict[str, float]:
    """Examples that were served before there was a model, and those with an uncertain label.

    >>> how_served(2, 0)
    {'untrained': 2.0, 'uncertain': 0.0}
    """
    return {"untrained": float(untrained), "uncertain": float(uncertain)}


def _interval_figures(link: Link, memory: Arrays) -> dict[str, float]:
    if link != "amount":
        return {}
    intervals = IntervalQuality()
    intervals.load(memory)
    return intervals.figures()
