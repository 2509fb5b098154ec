"""Served rows as scores and open examples, read by the layout that each row names."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from struct import Struct

from afflux.identity import Edges
from afflux.names import EpochMs, EventId, Identity, ModelName
from afflux.outcomes import ModelSpec
from afflux.scoring import BUCKETS
from afflux.wording import say
from profile_store.errors import UnknownLayout
from profile_store.installation import Installation
from profile_store.layouts import Layout, layout_id
from profile_store.profile import Factor, OpenExample, Score
from profile_store.row_fields import RowFields
from profile_store.short_floats import float_of_bits, shortest
from profile_store.stored import Stored

_SINGLE = Struct("<f")


class Reader:
    """Reads rows of one layout; made once for each."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.served, self.fragment = RowFields(layout.served), RowFields(layout.fragment)
        self.predicts = [spec.outcome.describe() for spec in layout.models]
        self.amount = [spec.link == "amount" for spec in layout.models]

    def row(self, stored: Stored) -> bytes:
        """The served row. Raises UnknownLayout where it is shorter than its layout."""
        data = stored.served or b""
        if len(data) < self.served.size:
            raise UnknownLayout(f"a row has not the {self.served.size} bytes of its layout")
        return data

    def whole(self, fragment: bytes) -> bytes:
        """The fragment. Raises UnknownLayout where it has another size."""
        if len(fragment) != self.fragment.size:
            raise UnknownLayout(f"a row has not the {self.fragment.size} bytes of its layout")
        return fragment


_readers: dict[int, Reader] = {}


def reader_of(layout: Layout) -> Reader:
    """The reader of a layout."""
    known = _readers.get(layout.id)
    if known is None or known.layout is not layout:
        known = _readers[layout.id] = Reader(layout)
    return known


def scores(person: Sequence[Stored], installation: Installation) -> dict[ModelName, Score]:
    """The latest score of each model, by (event time, identity)."""
    found: list[tuple[int, Identity, bytes, Reader]] = []
    for stored in person:
        if stored.served is not None:
            reader = reader_of(installation.layout(layout_id(stored.served)))
            row = reader.row(stored)
            found.append((reader.served.one("as_of_ts", row), stored.identity, row, reader))
    found.sort(key=lambda one: one[:2], reverse=True)
    latest: dict[ModelName, Score] = {}
    for as_of, identity, row, reader in found:
        if len(latest) < len(reader.layout.models):
            for score in list(_row_scores(as_of, identity, row, reader, latest.keys())):
                latest[score.model] = score
    return latest


def cluster(person: Sequence[Stored], installation: Installation) -> int | None:
    """The audience cluster of the latest served row, by (event time, identity)."""
    latest: tuple[int, bytes, int] | None = None
    for stored in person:
        if stored.served is None:
            continue
        reader = reader_of(installation.layout(layout_id(stored.served)))
        row = reader.row(stored)
        if "cluster" in reader.served and (id := reader.served.one("cluster", row)):
            found = reader.served.one("as_of_ts", row), bytes(stored.identity), id
            latest = found if latest is None else max(latest, found)
    return None if latest is None else latest[2]


def fresh_scores(identity: Identity, served: bytes, layout: Layout) -> dict[ModelName, Score]:
    """Scores of one served row that was made to be read."""
    reader = reader_of(layout)
    row = reader.row(Stored(identity, None, Edges(), served))
    as_of = reader.served.one("as_of_ts", row)
    return {s.model: s for s in _row_scores(as_of, identity, row, reader)}


def _row_scores(
    as_of: int, identity: Identity, row: bytes, reader: Reader, known: Container[ModelName] = ()
) -> Iterator[Score]:
    """Of the models that are not among `known`."""
    fields, models = reader.served, reader.layout.models
    event_id = EventId(row[fields.size :].decode("utf-8", "replace"))
    offset = fields.one("as_of_offset", row) if event_id else -1
    previous, version = fields.flat("previous", row), fields.flat("version", row)
    percentile, bucket = fields.flat("percentile", row), fields.flat("bucket", row)
    trusted = fields.flat("trusted", row)
    factors = _factors(reader, row)
    interval = fields.flat("interval", row) if "interval" in fields else ()
    for m, value in enumerate(fields.flat("value", row)):
        name = models[m].name
        if value != value or name in known:  # not a number: never scored
            continue
        before = previous[m]
        yield Score(
            name,
            reader.predicts[m],
            f"{version[m]:016x}",
            value,
            percentile[m] if reader.amount[m] else _percent(value),
            percentile[m],
            BUCKETS[bucket[m]],
            bool(trusted[m]),
            factors[m],
            None if before != before else before,
            identity,
            event_id,
            EpochMs(as_of),
            offset,
            _interval(interval, m),
        )


def _percent(value: float) -> int:
    """As `afflux.scoring.points` has it of a probability: float32 arithmetic, half to even."""
    percent: float = _SINGLE.unpack(_SINGLE.pack(100.0 * min(max(value, 0.0), 1.0)))[0]
    return round(percent)


def _interval(interval: Sequence[float], model: int) -> tuple[float, float] | None:
    """None in layouts from before there were intervals, too."""
    if not interval:
        return None
    low, high = interval[2 * model : 2 * model + 2]
    return None if math.isnan(low) else (low, high)


def _factors(reader: Reader, row: bytes) -> list[tuple[Factor, ...]]:
    """Of each model."""
    fields, layout = reader.served, reader.layout
    factor, contribution = fields.flat("factor", row), fields.bits("contribution", row)
    told = "factor_value" in fields
    values: Sequence[int | None] = (
        fields.bits("factor_value", row) if told else [None] * len(factor)
    )
    width = len(factor) // max(1, len(layout.models))
    found = []
    for m in range(len(layout.models)):
        part = range(m * width, (m + 1) * width)
        found.append(
            tuple(
                _factor(layout.features[factor[i]], layout.phrases[factor[i]], c, values[i])
                for i in part
                if (c := shortest(contribution[i]))
            )
        )
    return found


def _factor(feature: str, phrase: str, contribution: float, bits: int | None) -> Factor:
    if bits is None:
        return Factor(feature, phrase, contribution)
    return Factor(feature, _said(feature, bits), contribution, shortest(bits))


@lru_cache(maxsize=1 << 15)
def _said(feature: str, bits: int) -> str:
    """People have the same values over and over: there are no more than 65,536 of a feature."""
    return say(feature, float_of_bits(bits))


def open_examples(person: Sequence[Stored], installation: Installation) -> Iterator[OpenExample]:
    """What is being waited for, by identity, time and model."""
    for stored in sorted(person, key=lambda one: one.identity):
        if stored.fragment is not None:
            reader = reader_of(installation.layout(layout_id(stored.fragment)))
            row = reader.whole(stored.fragment)
            waiting = reader.fragment.flat("slot_open", row)
            if any(waiting):
                opened = reader.fragment.flat("slot_ts", row)
                slots = sorted(range(len(opened)), key=opened.__getitem__)
                yield from _waited_for(stored, reader, installation, waiting, opened, slots)


def _waited_for(
    stored: Stored,
    reader: Reader,
    installation: Installation,
    waiting: Sequence[int],
    opened: Sequence[int],
    slots: Sequence[int],
) -> Iterator[OpenExample]:
    values: Sequence[float] = ()
    versions: Sequence[int] = ()
    width = 0
    if stored.served is not None:
        other = reader_of(installation.layout(layout_id(stored.served)))
        served, width = other.row(stored), len(other.layout.models)
        values = other.served.flat("slot_value", served)
        versions = other.served.flat("slot_version", served)
    for slot in slots:
        for m, spec in enumerate(reader.layout.models):
            if waiting[slot] >> m & 1:
                at = slot * width + m
                said = (values[at], versions[at]) if width else (None, 0)
                yield _example(stored, spec, opened[slot], said)


def _example(
    stored: Stored, spec: ModelSpec, opened: int, served: tuple[float | None, int]
) -> OpenExample:
    return OpenExample(
        model=spec.name,
        identity=stored.identity,
        opened_at=EpochMs(opened),
        window_ends=EpochMs(opened + spec.outcome.window_ms),
        closes_at=EpochMs(opened + spec.outcome.deadline_ms),
        served=served[0],
        version=f"{served[1]:016x}",
    )
