"""Spans: consecutive records of one topic partition each, which one step folds together.

Shards belong to one partition, so spans share no row, no position and no W. Together they cost
one step instead of one each, which is most of the price of a small batch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import EventColumns
from afflux.limits import StepSettings
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
    """The events of all spans, span by span; offsets ascend within each."""
    parts = [span.batch.events for span in spans]
    filled = [events for events in parts if len(events.identities)]
    if len(filled) < 2:
        return filled[0] if filled else parts[0]
    people = np.cumsum([0, *(len(events.identities) for events in filled)], dtype=np.int32)
    others = np.cumsum([0, *(len(events.link_names) for events in filled)], dtype=np.int32)
    firsts = np.cumsum([0, *map(len, filled)], dtype=np.int32)
    return EventColumns(
        offset=np.concatenate([e.offset for e in filled]),
        timestamp=np.concatenate([e.timestamp for e in filled]),
        append_time=np.concatenate([e.append_time for e in filled]),
        identity=np.concatenate([e.identity + n for e, n in zip(filled, people, strict=False)]),
        identities=[identity for e in filled for identity in e.identities],
        identity_hash=np.concatenate([e.identity_hash for e in filled]),
        id_hash=np.concatenate([e.id_hash for e in filled]),
        event_ids=[name for e in filled for name in e.event_ids],
        kind=np.concatenate([e.kind for e in filled]),
        amount=np.concatenate([e.amount for e in filled]),
        quantity=np.concatenate([e.quantity for e in filled]),
        link_event=np.concatenate([e.link_event + n for e, n in zip(filled, firsts, strict=False)]),
        link_identity=np.concatenate(
            [e.link_identity + n for e, n in zip(filled, others, strict=False)]
        ),
        link_names=[name for e in filled for name in e.link_names],
    )


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
