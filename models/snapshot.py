"""A snapshot: all that the learner of a model knows, and what a scorer needs, in one value.

It is immutable and named by its content. Exactly once: it holds the place in the log of examples
and, per shard, the last example that it has learned; a learner that goes on from it reads on from
that place and drops what is not newer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from afflux.bins import BINS
from afflux.columns import F64
from afflux.examples import ExampleKey
from afflux.hurdle import RESIDUAL_QUANTILES
from afflux.names import ModelName
from afflux.scoring import LinearSnapshot, Link
from models.challengers import DEFAULT
from models.contract import Arrays, HurdleState, LinearState
from models.envelope import (
    SnapshotError,
    open_front,
    open_sealed,
    seal,
    version_name,
    version_of,
)
from models.history import Entry

__all__ = [
    "Snapshot",
    "SnapshotError",
    "decode",
    "decode_scoring",
    "decode_stored",
    "encode",
    "to_scoring",
    "version_name",
    "version_of",
]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of a model's learner. Two with the same content have the same bytes."""

    model: ModelName
    link: Link
    features: tuple[str, ...]
    offset: int
    """Next offset of `training-examples` to learn."""
    topic_id: bytes
    """Of the topic that the offset is of; b"" where that is not known."""
    last: Mapping[int, ExampleKey]
    """Shard -> the last example learned."""
    examples: int
    linear: LinearState
    calibration: tuple[float, float]
    cuts: F64
    shifts: F64
    trusted: bool
    hurdle: HurdleState | None = None
    """How much, where `linear` says whether."""
    memory: Arrays = field(default_factory=dict)
    """What calibration and validation need to go on; scorers do without."""
    river: str = ""
    """Version of the River that the learner is equal to, or that learned this."""
    learner: str = "array"
    feature_set: str = ""
    """Version of the feature set: the catalog's layout, 16 hex digits."""
    champion: str = DEFAULT
    """Name of the recipe that is served."""
    former: str = ""
    """Whom a promotion replaced that may still be taken back."""
    held: bool = False
    """The champion does not learn."""
    alarmed: bool = False
    """The served loss has risen since the promotion."""
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of champion and challengers, by name."""
    standing: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """How each challenger stands beside the champion."""
    segment_names: tuple[str, ...] = ()
    history: tuple[Entry, ...] = ()
    drifts: tuple[int, int] = (0, 0)
    """How often the served loss has risen, and fallen."""
    time: int = 0
    """Event time, ms: the latest at which an example was closed."""


_TOLD = (
    "feature_set", "champion", "former", "held", "alarmed", "recipes", "standing",
    "segment_names", "drifts", "time",
)  # fmt: skip
"""Facts of the rest that are written as they are."""


def encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot."""
    front = {
        "model": snapshot.model,
        "link": snapshot.link,
        "features": list(snapshot.features),
        "offset": snapshot.offset,
        "examples": snapshot.examples,
        "count": snapshot.linear.count,
        "intercept": snapshot.linear.intercept,
        "calibration": list(snapshot.calibration),
        "trusted": snapshot.trusted,
        **_hurdle_facts(snapshot.hurdle),
    }
    arrays = {
        **_hurdle_arrays(snapshot.hurdle),
        "linear.total": snapshot.linear.total,
        "linear.squares": snapshot.linear.squares,
        "linear.weights": snapshot.linear.weights,
        "cuts": snapshot.cuts,
        "shifts": snapshot.shifts,
    }
    remembered = {
        "topic_id": snapshot.topic_id.hex(),
        "last": [[s, d, who.hex(), m] for s, (d, who, m) in sorted(snapshot.last.items())],
        "river": snapshot.river,
        "learner": snapshot.learner,
        **{name: getattr(snapshot, name) for name in _TOLD},
        "history": [entry.as_json() for entry in snapshot.history],
    }
    memory = {f"memory.{name}": array for name, array in snapshot.memory.items()}
    return seal(front, arrays, memory, remembered)


def decode(data: bytes, features: Sequence[str] | None = None) -> Snapshot:
    """The snapshot. Raises SnapshotError when it was learned from other features than these."""
    facts, arrays = open_sealed(data)
    try:
        snapshot = _read(facts, arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"a snapshot lacks {error} or has it wrong") from None
    _check(snapshot, features)
    return snapshot


def decode_stored(data: bytes, version: str, features: Sequence[str] | None = None) -> Snapshot:
    """The snapshot that is stored under this version. Raises SnapshotError, also where it is other.

    Its version is the hash of its content: what was changed by somebody is not read.
    """
    found = version_name(version_of(data))
    if found != version:
        raise SnapshotError(
            f"the snapshot stored as {version} has the hash {found}: it is damaged, or somebody "
            "has changed it"
        )
    return decode(data, features)


def to_scoring(snapshot: Snapshot, version: int) -> LinearSnapshot:
    """What scorers need of it."""
    return LinearSnapshot(
        model=snapshot.model,
        link=snapshot.link,
        version=version,
        mean=snapshot.linear.mean,
        scale=snapshot.linear.scale,
        weights=snapshot.linear.weights,
        intercept=snapshot.linear.intercept,
        calibration=snapshot.calibration,
        cuts=snapshot.cuts,
        trusted=snapshot.trusted,
        examples=snapshot.examples,
        offset=snapshot.offset,
        hurdle=None if snapshot.hurdle is None else snapshot.hurdle.part,
        shifts=snapshot.shifts,
    )


def _hurdle_facts(hurdle: HurdleState | None) -> dict[str, Any]:
    if hurdle is None:
        return {}
    return {"hurdle": {"count": hurdle.linear.count, "intercept": hurdle.linear.intercept}}


def _hurdle_arrays(hurdle: HurdleState | None) -> Arrays:
    if hurdle is None:
        return {}
    linear = hurdle.linear
    return {
        "hurdle.total": linear.total,
        "hurdle.squares": linear.squares,
        "hurdle.weights": linear.weights,
        "hurdle.residuals": hurdle.residuals,
    }


def _read_hurdle(facts: Mapping[str, Any], arrays: Arrays) -> HurdleState | None:
    if "hurdle" not in facts:
        return None
    return HurdleState(
        LinearState(
            int(facts["hurdle"]["count"]), arrays["hurdle.total"], arrays["hurdle.squares"],
            arrays["hurdle.weights"], float(facts["hurdle"]["intercept"]),
        ),
        arrays["hurdle.residuals"],
    )  # fmt: skip


def decode_scoring(data: bytes, features: Sequence[str] | None = None) -> LinearSnapshot:
    """What scorers need, under the version that the content has; the front of a snapshot will do.

    Raises SnapshotError, Cut where the bytes end before the front does.
    """
    facts, arrays = open_front(data)
    try:
        snapshot = Snapshot(topic_id=b"", last={}, **_front(facts, arrays))
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"a snapshot lacks {error} or has it wrong") from None
    _check(snapshot, features)
    return to_scoring(snapshot, version_of(data))


def _read(facts: Mapping[str, Any], arrays: Arrays) -> Snapshot:
    return Snapshot(
        **_front(facts, arrays),
        topic_id=bytes.fromhex(facts["topic_id"]),
        last={s: (d, bytes.fromhex(who), m) for s, d, who, m in facts["last"]},
        memory={
            name.removeprefix("memory."): array
            for name, array in arrays.items()
            if name.startswith("memory.")
        },
        river=str(facts["river"]),
        learner=str(facts["learner"]),
        feature_set=str(facts["feature_set"]),
        champion=str(facts["champion"]),
        former=str(facts["former"]),
        held=bool(facts["held"]),
        alarmed=bool(facts["alarmed"]),
        recipes=dict(facts["recipes"]),
        standing=dict(facts["standing"]),
        segment_names=tuple(facts["segment_names"]),
        history=tuple(Entry.from_json(entry) for entry in facts["history"]),
        drifts=(int(facts["drifts"][0]), int(facts["drifts"][1])),
        time=int(facts["time"]),
    )


def _front(facts: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
    """The fields of a snapshot that scorers need."""
    a, b = facts["calibration"]
    return {
        "model": ModelName(facts["model"]),
        "link": cast(Link, facts["link"]),
        "features": tuple(facts["features"]),
        "offset": int(facts["offset"]),
        "examples": int(facts["examples"]),
        "linear": LinearState(
            int(facts["count"]),
            arrays["linear.total"],
            arrays["linear.squares"],
            arrays["linear.weights"],
            float(facts["intercept"]),
        ),
        "calibration": (float(a), float(b)),
        "cuts": arrays["cuts"],
        "shifts": arrays["shifts"],
        "trusted": bool(facts["trusted"]),
        "hurdle": _read_hurdle(facts, arrays),
    }


def _check(snapshot: Snapshot, features: Sequence[str] | None) -> None:
    if snapshot.link not in ("probability", "amount"):
        raise SnapshotError(f"snapshot of {snapshot.model}: unknown link {snapshot.link!r}")
    n = len(snapshot.features)
    hurdle = snapshot.hurdle
    linears = [snapshot.linear] if hurdle is None else [snapshot.linear, hurdle.linear]
    residuals = np.zeros(len(RESIDUAL_QUANTILES)) if hurdle is None else hurdle.residuals
    numbers: list[float] = [*snapshot.calibration, *snapshot.shifts, *residuals]
    if snapshot.shifts.shape != (BINS,):
        raise SnapshotError(f"snapshot of {snapshot.model}: its calibration has other bins")
    for linear in linears:
        if any(a.shape != (n,) for a in (linear.total, linear.squares, linear.weights)):
            raise SnapshotError(f"snapshot of {snapshot.model}: its arrays do not fit its features")
        numbers += [*linear.total, *linear.squares, *linear.weights, linear.intercept]
    if residuals.shape != (len(RESIDUAL_QUANTILES),) or not np.isfinite(numbers).all():
        raise SnapshotError(f"snapshot of {snapshot.model}: not all of its numbers are finite")
    if features is not None and snapshot.features != tuple(features):
        raise SnapshotError(
            f"snapshot of {snapshot.model} was learned from other features "
            f"({_difference(snapshot.features, features)}); a model of these features has to "
            "start anew"
        )


def _difference(theirs: Sequence[str], ours: Sequence[str]) -> str:
    gone = [name for name in theirs if name not in ours]
    new = [name for name in ours if name not in theirs]
    if not gone and not new:
        return "the same names in another order"
    parts = [f"gone: {', '.join(gone)}"] * bool(gone) + [f"new: {', '.join(new)}"] * bool(new)
    return "; ".join(parts)
