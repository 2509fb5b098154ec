"""Spans: consecutive records of one topic partition each, which one step folds together.

Shards belong to one partition, so spans share no row, no position and no W. Together they cost
one step instead of one each, which is most of the price of a small batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import I32, EventColumns
from afflux.limits import StepSettings
from afflux.mentions import joined
from afflux.outcome import Batch, Control
from afflux.position import Watermark
from afflux.watermark import Passage, after


@dataclass(frozen=True, slots=True)
class Span:
    """The records of a batch, W on the way through them, and who takes part."""

    batch: Batch
    passage: Passage
    shards: Collection[int]
    """Shards of the partition that advance to the end of the batch."""

    @staticmethod
    def of(batch: Batch, at: Watermark, shards: Collection[int], settings: StepSettings) -> Span:
        """`at` is W at `batch.base`."""
        return Span(batch, after(at, batch.events, batch.controls, settings), shards)


def all_events(spans: Sequence[Span]) -> EventColumns:
    """The events of all spans, span by span; offsets ascend within each.

    Parts of one batch (`EventColumns.between`) share their identities, others have their own.
    """
    parts = [span.batch.events for span in spans]
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    shared = all(e.identities is first.identities for e in parts)
    people = itertools.repeat(_NONE) if shared else _starts(len(e.identities) for e in parts)
    others = itertools.repeat(_NONE) if shared else _starts(len(e.link_names) for e in parts)
    links = [e for e in parts if len(e.link_event)]
    return EventColumns(
        offset=np.concatenate([e.offset for e in parts]),
        timestamp=np.concatenate([e.timestamp for e in parts]),
        append_time=np.concatenate([e.append_time for e in parts]),
        identity=np.concatenate([e.identity + n for e, n in zip(parts, people, strict=False)]),
        identities=first.identities if shared else [i for e in parts for i in e.identities],
        identity_hash=first.identity_hash
        if shared
        else np.concatenate([e.identity_hash for e in parts]),
        id_hash=np.concatenate([e.id_hash for e in parts]),
        event_ids=[name for e in parts for name in e.event_ids],
        kind=np.concatenate([e.kind for e in parts]),
        amount=np.concatenate([e.amount for e in parts]),
        quantity=np.concatenate([e.quantity for e in parts]),
        link_event=np.concatenate(
            [e.link_event + n for e, n in zip(parts, _starts(map(len, parts)), strict=True)]
        )
        if links
        else first.link_event,
        link_identity=np.concatenate(
            [e.link_identity + n for e, n in zip(parts, others, strict=False)]
        )
        if links
        else first.link_identity,
        link_names=first.link_names if shared else [name for e in parts for name in e.link_names],
        mentions=joined([e.mentions for e in parts], [len(e) for e in parts]),
        code=None
        if all(e.code is None for e in parts)
        else np.concatenate([e.codes for e in parts]),
        type_of=_types(parts, shared),
        type_names=first.type_names if shared else [name for e in parts for name in e.type_names],
    )


def _types(parts: Sequence[EventColumns], shared: bool) -> I32 | None:
    if all(e.type_of is None for e in parts):
        return None
    first = itertools.repeat(_NONE) if shared else _starts(len(e.type_names) for e in parts)
    found = []
    for e, n in zip(parts, first, strict=False):
        of = np.full(len(e), -1, np.int32) if e.type_of is None else e.type_of
        found.append(np.where(of < 0, of, of + n))
    return np.concatenate(found)


_NONE = np.int32(0)


def _starts(sizes: Iterable[int]) -> list[np.int32]:
    """Where each part begins."""
    return [np.int32(n) for n in itertools.accumulate(sizes, initial=0)][:-1]


def all_passages(spans: Sequence[Span]) -> Passage:
    """W before and behind every event of `all_events`, and before every control record."""
    passages = [span.passage for span in spans]
    if len(passages) == 1:
        return passages[0]
    return Passage(
        np.concatenate([p.before for p in passages]),
        np.concatenate([p.behind for p in passages]),
        [w for p in passages for w in p.controls],
        passages[-1].end,
    )


def all_controls(spans: Sequence[Span]) -> Sequence[Control]:
    """The control records of all spans, span by span."""
    return [control for span in spans for control in span.batch.controls]
