"""Whom a model speaks of, as arrays: one condition that holds, and others that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import Bool, Kind
from afflux.event_types import FIRST, EventTypes
from afflux.features.channels import CHANNELS, COUNTED, channel_of_kind
from afflux.outcomes import Eligible, ModelSpec


@dataclass(frozen=True, slots=True)
class Condition:
    """An `Eligible` as arrays and fields of a row."""

    counts: Bool
    """(256,) codes of events that count."""
    total: tuple[str, int]
    """Field of the row, and column in it, that counts them."""
    last: tuple[str, list[int]]
    """Field and columns with the last time of each of them."""
    at_least: float
    within_ms: int

    @staticmethod
    def of(wanted: Eligible, types: EventTypes) -> Condition:
        """`wanted.channel` is a channel that counts events, or a type that `types` has."""
        counts, name = np.zeros(256, np.bool_), wanted.channel
        if name in COUNTED:
            channel = CHANNELS.index(name)
            kinds = [k for k in Kind if channel in (0, _channel(k))]
            counts[types.matching(kinds)] = True
            total, last = ("life", channel), ("kind_last", [int(k) for k in kinds])
        else:
            place = types.names.index(name)
            counts[FIRST + place] = True
            total, last = ("type_count", place), ("type_last", [place])
        return Condition(counts, total, last, wanted.at_least, wanted.within_ms)


@dataclass(frozen=True, slots=True)
class Population:
    """Of whom a model speaks: those of one condition and of none of the others."""

    bit: np.uint32
    """Of the model."""
    deadline: int
    """Of its outcome, ms from opening to closing."""
    eligible: Condition
    excluded: Sequence[Condition]

    @staticmethod
    def of(model: ModelSpec, bit: np.uint32, types: EventTypes) -> Population:
        """Of a model with this bit."""
        excluded = [Condition.of(e, types) for e in model.excluded]
        eligible = Condition.of(model.eligible, types)
        return Population(bit, model.outcome.deadline_ms, eligible, excluded)


def _channel(kind: Kind) -> int:
    return int(channel_of_kind(np.array([kind], np.uint8))[0])
