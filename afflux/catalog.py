"""The catalog: what rows, served rows and closed examples look like for a set of models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux import rows
from afflux.columns import I64
from afflux.event_types import EventTypes
from afflux.features import FEATURES
from afflux.features.channels import CHANNELS, COUNTED
from afflux.features.contract import Feature, FieldList, Fields
from afflux.features.named_types import NamedTypes
from afflux.outcomes import ModelSpec, Openings, Rules
from afflux.population import Population
from afflux.scoring import FACTORS

_LARGEST = 60_000.0
"""Values are clipped here: float16 ends at 65,504."""

MAX_MODELS = 32


class Catalog:
    """Composed of the features and the models, in their order.

    Attributes:
        models: the models, in the order of their columns; `rules` has their outcomes as arrays.
        openings: which events open examples.
        types: what is told apart of event types.
        populations: of each model whom it speaks of.
        parts: the features; a catalog whose models name event types has one more of them.
        features: names of the columns of `matrix`; `phrases` says them to marketers.
        fragment: dtype of what a dataset knows of an identity, a pure function of the log.
        served: dtype of what was served of it, which depends on the snapshots of the day.
        closed: dtype of the labelled examples that a step closes.
        early: dtype of those that are learned before; `learns_early` where some model does so.
        layout: hash of all this; rows of another layout are refused.
    """

    def __init__(self, models: Sequence[ModelSpec], openings: Openings | None = None) -> None:
        if not 0 < len(models) <= MAX_MODELS:
            raise ValueError(f"{len(models)} models; a catalog has 1 to {MAX_MODELS}")
        if len({m.name for m in models}) < len(models):
            raise ValueError("two models have the same name")
        for model in models:
            _check_eligible(model)
            if model.early and model.outcome.form not in ("will", "will_not"):
                raise ValueError(f"{model.name}: {model.outcome.form!r} cannot be learned early")
        self.models = tuple(models)
        self.openings = openings or Openings()
        if self.openings.slots < 1 or self.openings.gap_ms < 1:
            raise ValueError("openings need at least one slot and a gap of 1 ms")
        named = [what for m in self.models for what in m.named]
        self.types = EventTypes.of([*named, *self.openings.kinds])
        self.opens = np.zeros(256, np.bool_)
        """Codes of events that open examples, where not all of them do."""
        self.opens[self.types.matching(self.openings.kinds)] = True
        self.rules = Rules.of(self.models, self.types)
        self.populations = [
            Population.of(m, bit, self.types)
            for m, bit in zip(self.models, self.rules.bit, strict=True)
        ]
        own: list[Feature] = [NamedTypes(self.types.names)] if self.types.names else []
        self.parts: tuple[Feature, ...] = (*FEATURES, *own)
        self.features = tuple(name for f in self.parts for name in f.names)
        self.phrases = tuple(phrase for f in self.parts for phrase in f.phrases)
        fields = [f.fields for f in self.parts]
        self.feature_fields = tuple(name for of in fields for name, _, _ in of)
        """Fields of a fragment that are features."""
        m, d = len(self.models), len(self.features)
        self.fragment = _dtype(
            rows.HEADER, *fields, rows.RECENT_IDS, _slots(m, self.openings.slots)
        )
        self.served = _dtype(_served(m, d, self.openings.slots))
        self.closed = _dtype(_closed(d))
        self.early = _dtype(_closed(d), _EARLY)
        self.learns_early = bool(self.rules.early.any())
        self.layout = self._layout()

    @property
    def dimension(self) -> int:
        """Number of features."""
        return len(self.features)

    def new_fragments(self, n: int) -> NDArray[np.void]:
        """Fragments of n identities of which nothing is known."""
        new = np.zeros(n, self.fragment)
        new["layout"] = self.layout
        new["last_offset"] = -1
        return new

    def new_served(self, n: int) -> NDArray[np.void]:
        """Served rows of n identities that never had a score: values and intervals are NaN."""
        new = np.zeros(n, self.served)
        new["layout"] = self.layout
        new["as_of_offset"] = -1
        new["value"] = np.nan
        new["previous"] = np.nan
        new["interval"] = np.nan
        return new

    def encode_rows(self, table: NDArray[np.void]) -> list[bytes]:
        """The stored form of each row of either dtype (the tail of a served row is not in it)."""
        return rows.to_bytes(table)

    def decode_fragments(self, values: Sequence[bytes | None]) -> NDArray[np.void]:
        """Writable fragments; new ones where the store had None. Raises RowError."""
        return rows.from_bytes(values, self.new_fragments(1))

    def decode_served(self, values: Sequence[bytes | None]) -> tuple[NDArray[np.void], list[bytes]]:
        """Writable served rows and their tails (the as-of event ids in UTF-8). Raises RowError."""
        size = self.served.itemsize
        heads = [None if v is None else v[:size] for v in values]
        tails = [b"" if v is None else v[size:] for v in values]
        return rows.from_bytes(heads, self.new_served(1)), tails

    def matrix(self, table: Fields, at: I64) -> NDArray[np.float16]:
        """(n, features) of fragments at time `at[i]`: what scorers see and examples keep."""
        if not len(at):
            return np.empty((0, self.dimension), np.float16)
        values = np.concatenate([f.values(table, at) for f in self.parts], axis=1)
        np.maximum(values, -_LARGEST, out=values)
        np.minimum(values, _LARGEST, out=values)
        return values.astype(np.float16)

    def _layout(self) -> int:
        what: tuple[object, ...] = (
            self.fragment.descr, self.served.descr, self.features, [repr(m) for m in self.models],
        )  # fmt: skip
        if self.openings != Openings():
            what = (*what, self.openings)
        asked = [
            (i, e.channel, e.at_least, e.within_ms, e in m.excluded)
            for i, m in enumerate(self.models)
            for e in (m.eligible, *m.excluded)
            if e.within_ms or e in m.excluded
        ]
        if asked or self.types.names:
            what = (*what, asked, self.types.names)
        return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "little")


def _check_eligible(model: ModelSpec) -> None:
    for who in (model.eligible, *model.excluded):
        if who.channel in CHANNELS and who.channel not in COUNTED:
            raise ValueError(f"{model.name}: no channel counts {who.channel!r}")
        if who.channel not in COUNTED and any(c.startswith(who.channel) for c in CHANNELS):
            raise ValueError(f"{model.name}: {who.channel!r} is neither a channel nor a type")
        if who.within_ms and who.at_least != 1:
            raise ValueError(
                f"{model.name}: of {who.channel} within a time one can be asked for, as only the "
                f"last time is kept, not {who.at_least:g}"
            )


def _dtype(*lists: FieldList) -> np.dtype[np.void]:
    """Wide fields first: they are aligned without padding."""
    fields = [field for fields in lists for field in fields]
    return np.dtype(sorted(fields, key=lambda f: -np.dtype(f[1]).itemsize))


def _slots(models: int, slots: int) -> FieldList:
    return (
        ("last_open", "<i8", ()),
        ("slot_ts", "<i8", (slots,)),
        ("slot_offset", "<i8", (slots,)),
        ("slot_open", "<u4", (slots,)),
        ("slot_progress", "<f8", (slots, models)),
    )


def _served(models: int, features: int, slots: int) -> FieldList:
    return (
        ("layout", "<u8", ()),
        ("as_of_ts", "<i8", ()),
        ("as_of_offset", "<i8", ()),
        ("value", "<f4", (models,)),
        ("previous", "<f4", (models,)),
        ("interval", "<f4", (models, 2)),
        ("version", "<u8", (models,)),
        ("percentile", "u1", (models,)),
        ("bucket", "u1", (models,)),
        ("trusted", "u1", (models,)),
        ("factor", "u1", (models, FACTORS)),
        ("contribution", "<f2", (models, FACTORS)),
        ("factor_value", "<f2", (models, FACTORS)),
        ("slot_vector", "<f2", (slots, features)),
        ("slot_value", "<f4", (slots, models)),
        ("slot_version", "<u8", (slots, models)),
        ("cluster", "<u4", ()),
    )


def _closed(features: int) -> FieldList:
    return (
        ("shard", "<i4", ()),
        ("deadline", "<i8", ()),
        ("row", "<i4", ()),
        ("model", "<i2", ()),
        ("open_ts", "<i8", ()),
        ("open_offset", "<i8", ()),
        ("vector", "<f2", (features,)),
        ("served", "<f4", ()),
        ("version", "<u8", ()),
        ("label", "<f8", ()),
        ("flags", "u1", ()),
    )


_EARLY: FieldList = (("seen", "<i8", ()), ("source", "<i8", ()))
"""W before the record that made an early example, and the offset of that record."""
