"""Live model quality, from the topic model-updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from afflux.outcomes import ModelSpec
from afflux.scoring import Link
from launcher.demo.result import Quality
from streams.consume import TopicReader
from streams.settings import StreamSettings
from streams.topics import MODEL_UPDATES
from streams.updates import decode_model_update


class Qualities:
    """The latest figures of every model; `learned` is how far the learner has come.

    `latest` has every model of `specs` from the beginning, with no examples.
    """

    def __init__(self, settings: StreamSettings, specs: Sequence[ModelSpec]) -> None:
        self._reader = TopicReader(settings, [MODEL_UPDATES.name])
        self._links: dict[str, Link] = {spec.name: spec.link for spec in specs}
        self.latest = {name: Quality(0, 0, link) for name, link in self._links.items()}
        self._offsets: dict[str, int] = {}

    def refresh(self, wait_s: float = 0.0) -> None:
        """Read what came since the last time."""
        for record in self._reader.read(wait_s):
            if record.value is None:
                continue
            update = decode_model_update(record.value)
            name = str(update["model"])
            if name not in self._links:
                continue
            self.latest[name] = quality_of(update, self._links[name])
            self._offsets[name] = max((int(o) for o in update["offsets"].values()), default=0)

    def learned(self) -> int:
        """Examples below this offset are in the latest snapshots of all models."""
        return min(self._offsets.values(), default=0)

    def close(self) -> None:
        """Release the connection."""
        self._reader.close()


def quality_of(update: Mapping[str, Any], link: Link) -> Quality:
    """The figures of one update; the recent ones where there are any.

    >>> quality_of({"examples": 9, "trusted": False,
    ...             "metrics": {"auc": 0.5, "recent_auc": 0.7, "window": 4.0}}, "probability").auc
    0.7
    """
    metrics: Mapping[str, float] = update["metrics"]

    def recent(name: str) -> float | None:
        return metrics.get(f"recent_{name}", metrics.get(name))

    return Quality(
        examples=int(update["examples"]),
        window=int(metrics.get("window", 0)),
        link=link,
        auc=recent("auc"),
        mae=recent("mae"),
        ece=recent("ece"),
        trusted=bool(update["trusted"]),
        baseline=recent("base_mae"),
    )
