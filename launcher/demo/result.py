"""What a demo has measured: one value, which can be written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from afflux.scoring import Link
from launcher.errors import LauncherError


@dataclass(frozen=True)
class Counts:
    """The exact counters of all shards together, kept with their positions."""

    accepted: int = 0
    duplicates: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Code -> how many; codes that did not occur are left out."""
    control: int = 0
    """Control records, which nobody outside produced here."""
    late: int = 0
    """Accepted, with an event time before the watermark."""

    @property
    def folded(self) -> int:
        """Records from outside that are accounted for."""
        return self.accepted + self.duplicates + sum(self.rejected.values())


@dataclass(frozen=True)
class Quality:
    """Progressive quality of a model on the scores that it had served."""

    examples: int
    window: int
    """Examples that the figures are of."""
    link: Link = "probability"
    """What is served decides which figures there are, known or not."""
    auc: float | None = None
    mae: float | None = None
    ece: float | None = None
    trusted: bool = False
    baseline: float | None = None
    """Mean error of the best constant, beside `mae`."""

    def to_json(self) -> dict[str, Any]:
        """Figures of the model's kind; what is not known yet, or has no meaning, is null."""
        figures = {"auc": self.auc}
        if self.link == "amount":
            figures = {"mae": self.mae, "base_mae": self.baseline}
        rounded = {k: None if v is None else round(v, 4) for k, v in figures.items()}
        ece = None if self.ece is None else round(self.ece, 4)
        return {
            "examples": self.examples,
            **rounded,
            "ece": ece,
            "window": self.window,
            "trusted": self.trusted,
        }


@dataclass(frozen=True)
class Result:
    """The JSON object of `afflux demo --json`, in its order."""

    data: str
    real: bool
    """False for generated data."""
    broker: str
    events_in: int
    accepted: int
    rejected: Mapping[str, int]
    duplicates: int
    profiles: int
    seconds: float
    """From the first record sent to the last one folded, without the paced phase."""
    events_per_s: float
    worker_cpu_us_per_event: float
    """User and system time of the worker, learner included, over the same span."""
    worker_rss_mb: float
    """The largest seen."""
    freshness_ms: Mapping[str, float | None]
    models: Mapping[str, Mapping[str, Any]]
    dlq: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """One object, numbers rounded to what they are worth."""
        values = asdict(self)
        for name, digits in (
            ("seconds", 2), ("events_per_s", 0), ("worker_cpu_us_per_event", 1),
            ("worker_rss_mb", 1),
        ):  # fmt: skip
            values[name] = round(values[name], digits)
        return values


def check(sent: int, counts: Counts, dead_letters: Mapping[str, int]) -> None:
    """Raise LauncherError unless every record that was sent is accounted for, once."""
    if dict(dead_letters) != dict(counts.rejected):
        raise LauncherError(
            f"rejected were {dict(counts.rejected)}, but the dead-letter topics hold "
            f"{dict(dead_letters)}",
            hint="this must never happen; please report it with the worker's log",
        )
    if sent != counts.folded:
        raise LauncherError(
            f"{sent} records went in, but {counts.accepted} accepted + "
            f"{sum(counts.rejected.values())} rejected + {counts.duplicates} duplicates "
            f"= {counts.folded}",
            hint="this must never happen; please report it with the worker's log",
        )
