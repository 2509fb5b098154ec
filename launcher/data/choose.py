"""Which data set is replayed; the generated one where the wanted one cannot be had."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from launcher.data.names import Name
from launcher.data.shape import DataSet
from launcher.errors import LauncherError


def choose(name: Name, events: int | None) -> tuple[DataSet, str]:
    """The data set with about `events` events (None: all), and why it is another one, or "".

    Fewer events are those of fewer people over the whole time, so that outcomes are seen.
    """
    if name is Name.generated:
        return _generated(events), ""
    try:
        return some_people(_load(name), events), ""
    except LauncherError as error:
        return _generated(events), error.message


def some_people(data: DataSet, events: int | None) -> DataSet:
    """The data set of just so many people as have `events` events, cut to exactly that many."""
    if events is None or events >= data.events.num_rows:
        return data
    person = pc.dictionary_encode(data.events["person"].combine_chunks())
    code = person.indices.to_numpy()
    counts = np.bincount(code)
    order = np.random.default_rng(3).permutation(len(counts))
    total = np.cumsum(counts[order])
    chosen = order[: int(np.searchsorted(total, events)) + 1]
    few = data.events.filter(pa.array(np.isin(code, chosen))).combine_chunks()
    names = set(person.dictionary.take(pa.array(chosen)).to_pylist())
    attributes = {who: what for who, what in data.attributes.items() if who in names}
    return DataSet(data.name, data.title, data.note, data.namespace, few, attributes).head(events)


def _load(name: Name) -> DataSet:
    if name is Name.cdnow:
        from launcher.data.cdnow import cdnow

        return cdnow()
    from launcher.data.complete_journey import complete_journey

    return complete_journey()


def _generated(events: int | None) -> DataSet:
    from launcher.data.generated import generated

    return generated(events)
