"""Layouts of rows, described well enough to be read without the code that wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.event_types import EventTypes
from afflux.names import ModelName
from afflux.outcomes import Eligible, ModelSpec, Outcome
from profile_store.errors import UnknownLayout

FieldJson = list[Any]

_TYPE = "type:"
"""Before an event type among the names of kinds."""

_BY_TYPE = ("type_count", "type_last")
"""Fields with a column for each event type that models name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows that one set of features and models writes. `id` is the first field of each row."""

    id: int
    fragment: np.dtype[np.void]
    served: np.dtype[np.void]
    features: tuple[str, ...]
    phrases: tuple[str, ...]
    """The features in words for marketers."""
    models: tuple[ModelSpec, ...]

    @staticmethod
    def of(catalog: Catalog) -> Layout:
        """The layout of a catalog."""
        return Layout(
            catalog.layout,
            catalog.fragment,
            catalog.served,
            catalog.features,
            catalog.phrases,
            catalog.models,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "fragment": _fields(self.fragment),
            "served": _fields(self.served),
            "features": list(self.features),
            "phrases": list(self.phrases),
            "models": [_model(spec) for spec in self.models],
        }

    @staticmethod
    def from_json(id: int, content: Mapping[str, Any]) -> Layout:
        """From plain values. Raises KeyError, TypeError or ValueError where they are others."""
        return Layout(
            id,
            _dtype(content["fragment"]),
            _dtype(content["served"]),
            tuple(content["features"]),
            tuple(content["phrases"]),
            tuple(_spec(model) for model in content["models"]),
        )

    def decode_fragments(self, values: Sequence[bytes], into: Catalog) -> NDArray[np.void]:
        """Fragments of this layout as rows of `into`.

        A feature that this layout does not have is that of a new row. Raises UnknownLayout where
        a row has another size than its layout, or a field has changed its meaning.
        """
        mine = decode(values, self.fragment)
        if self.fragment == into.fragment:
            return mine
        rows = into.new_fragments(len(values))
        for name in ("deleted_at", "consent", *into.feature_fields):
            if self.fragment.fields is None or name not in self.fragment.fields:
                continue
            if name in _BY_TYPE:
                self._put_types(rows[name], mine[name], into.types)
                continue
            if self.fragment[name] != into.fragment[name]:
                raise UnknownLayout(
                    f"field {name} of layout {self.id:016x} is {self.fragment[name]}, this version "
                    f"of Afflux reads {into.fragment[name]}: read with the version that wrote it"
                )
            rows[name] = mine[name]
        return rows

    def _put_types(self, into: NDArray[Any], mine: NDArray[Any], types: EventTypes) -> None:
        """Columns of the event types that both layouts have."""
        own = EventTypes.of(what for model in self.models for what in model.named).names
        for at, name in enumerate(types.names):
            if name in own:
                into[:, at] = mine[:, own.index(name)]


def layout_id(row: bytes) -> int:
    """The layout that a stored row names."""
    return int.from_bytes(row[:8], "little")


def decode(values: Sequence[bytes], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Rows from their bytes. Raises UnknownLayout where the size is another."""
    data = b"".join(values)
    if any(len(value) != dtype.itemsize for value in values):
        raise UnknownLayout(f"a row has not the {dtype.itemsize} bytes of its layout")
    return np.frombuffer(data, dtype)


def _fields(dtype: np.dtype[np.void]) -> list[FieldJson]:
    return [[name, kind, list(*shape)] for name, kind, *shape in dtype.descr]


def _dtype(fields: Sequence[FieldJson]) -> np.dtype[np.void]:
    return np.dtype([(name, kind, tuple(shape)) for name, kind, shape in fields])


def _model(spec: ModelSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "form": spec.outcome.form,
        "kinds": [
            what.name if isinstance(what, Kind) else _TYPE + what for what in spec.outcome.kinds
        ],
        "window_ms": spec.outcome.window_ms,
        "lateness_ms": spec.outcome.lateness_ms,
        "eligible": _eligible_json(spec.eligible),
        "excluded": [_eligible_json(who) for who in spec.excluded],
    }


def _eligible_json(who: Eligible) -> dict[str, Any]:
    return {"channel": who.channel, "at_least": who.at_least, "within_ms": who.within_ms}


def _eligible(content: Mapping[str, Any]) -> Eligible:
    return Eligible(content["channel"], content["at_least"], content.get("within_ms", 0))


def _spec(content: Mapping[str, Any]) -> ModelSpec:
    return ModelSpec(
        ModelName(content["name"]),
        Outcome(
            content["form"],
            tuple(
                name.removeprefix(_TYPE) if name.startswith(_TYPE) else Kind[name]
                for name in content["kinds"]
            ),
            content["window_ms"],
            content["lateness_ms"],
        ),
        _eligible(content["eligible"]),
        excluded=tuple(_eligible(who) for who in content.get("excluded", ())),
    )
