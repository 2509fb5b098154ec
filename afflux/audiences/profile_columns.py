"""Rows of people as the columns that rules read, each made when it is first asked for.

Features, scores and decayed sums are as of a person's last event; only `now` moves on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.attributes import Value as Attribute
from afflux.audiences.typed import Column, Type
from afflux.audiences.values import Value, strings
from afflux.catalog import Catalog
from afflux.columns import F64, I64, Kind
from afflux.features.channels import CHANNELS, COUNTED, channel_of_kind
from afflux.features.contract import Fields
from afflux.features.decayed import HALF_LIVES_DAYS, decayed
from afflux.scoring import BUCKETS
from afflux.segments import some

_OF_KIND = channel_of_kind(np.arange(len(Kind), dtype=np.uint8))


class ProfileColumns:
    """The frame of n people.

    Args:
        catalog: of the rows.
        fragment: n rows of `catalog.fragment`, merged with those of linked identities.
        served: n rows of `catalog.served`.
        attributes: of each person.
        now: (n,) times that the rules are asked about, ms, not before the last event.
        matrix: (n, features) at the last event, where the caller has it already.
    """

    def __init__(
        self,
        catalog: Catalog,
        fragment: Fields,
        served: Fields,
        attributes: Sequence[Mapping[str, Attribute]],
        now: I64,
        matrix: NDArray[np.float16] | None = None,
    ) -> None:
        self.now = now
        self._catalog = catalog
        self._fragment = fragment
        self._served = served
        self._attributes = attributes
        self._matrix = matrix
        self._decayed: F64 | None = None
        self._models = [str(m.name) for m in catalog.models]

    def column(self, column: Column) -> Value:
        """A column of the vocabulary."""
        root, name, *rest = column.path
        if root == "profile":
            return self._feature(name)
        if root == "attributes":
            return _attribute(column.type, [a.get(name) for a in self._attributes])
        if root == "scores":
            return self._score(self._models.index(name), rest[0])
        return self._history(name, rest[0])

    def _feature(self, name: str) -> Value:
        if self._matrix is None:
            self._matrix = self._catalog.matrix(self._fragment, self._fragment["last_ts"])
        at = self._catalog.features.index(name)
        return Value(self._matrix[:, at].astype(np.float64))

    def _score(self, model: int, what: str) -> Value:
        data = self._served[what][:, model]
        none = np.isnan(self._served["value"][:, model])
        if what == "percentile":
            none = none | (data == 0)
        error = none if some(none) else None
        if what == "bucket":
            return Value(data.astype(np.int64), error, BUCKETS)
        if what == "trusted":
            return Value((data != 0) & ~none, error)
        return Value(data.astype(np.float64 if what == "value" else np.int64), error)

    def _history(self, channel: str, what: str) -> Value:
        at = CHANNELS.index(channel)
        if what == "total":
            total = self._fragment["life"][:, at]
            return Value(total.astype(np.int64 if channel in COUNTED else np.float64))
        if what == "last":
            last = self._last(channel, at)
            never = last == 0
            return Value(last, never if some(never) else None)
        if self._decayed is None:
            self._decayed = decayed(self._fragment, self._fragment["last_ts"])
        [half_life] = [h for h, d in enumerate(HALF_LIVES_DAYS) if what == f"decayed_{d}d"]
        return Value(self._decayed[:, half_life, at])

    def _last(self, channel: str, at: int) -> I64:
        if channel == "events":
            return np.ascontiguousarray(self._fragment["last_ts"])
        last: I64 = self._fragment["kind_last"][:, at == _OF_KIND].max(axis=1)
        return last


def _attribute(declared: Type, values: Sequence[Attribute | None]) -> Value:
    """What is not of the declared type is missing; an int is a double where one is declared."""
    if declared is Type.STRING:
        return strings(values)
    takes, bound, dtype = _TAKES[declared]
    if set(map(type, values)) <= takes:
        with suppress(OverflowError):
            return Value(np.array(values, dtype))
    fits = [
        v is not None and type(v) in takes and (type(v) is float or -bound <= v < bound)  # type: ignore[operator]
        for v in values
    ]
    data = [v if fit else 0 for v, fit in zip(values, fits, strict=True)]
    return Value(np.array(data, dtype), ~np.array(fits, np.bool_))


_TAKES: Mapping[Type, tuple[set[type], int, type[Any]]] = {
    Type.BOOL: ({bool}, 2, np.bool_),
    Type.INT: ({int}, 2**63, np.int64),
    Type.DOUBLE: ({int, float}, 2**1023, np.float64),
}
"""Python types, what an int has to be below, and what it becomes."""
