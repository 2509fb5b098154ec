"""A batch of events as columns: the one form of events that the core knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from afflux.mentions import NO_MENTIONS, Mentions
from afflux.names import Identity

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
U64 = NDArray[np.uint64]
U32 = NDArray[np.uint32]
U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


class Kind(IntEnum):
    """What the features distinguish of the open enumeration `eventType`."""

    OTHER = 0
    PAGE_VIEW = 1
    PRODUCT_VIEW = 2
    ADD_TO_CART = 3
    CHECKOUT = 4
    PURCHASE = 5
    EXPOSURE = 6
    REDEMPTION = 7


KIND_OF_EVENT_TYPE: dict[str, Kind] = {
    "web.webpagedetails.pageViews": Kind.PAGE_VIEW,
    "web.webinteraction.linkClicks": Kind.PAGE_VIEW,
    "commerce.productViews": Kind.PRODUCT_VIEW,
    "commerce.productListViews": Kind.PRODUCT_VIEW,
    "commerce.productListAdds": Kind.ADD_TO_CART,
    "commerce.checkouts": Kind.CHECKOUT,
    "commerce.purchases": Kind.PURCHASE,
    "advertising.impressions": Kind.EXPOSURE,
    "directMarketing.emailSent": Kind.EXPOSURE,
    "decisioning.propositionDisplay": Kind.EXPOSURE,
    "commerce.couponRedemptions": Kind.REDEMPTION,
    "decisioning.propositionInteract": Kind.REDEMPTION,
}


@dataclass(frozen=True, slots=True)
class EventColumns:
    """`n` valid events of one topic partition, in ascending offset order.

    Unique primary identities stand once, in order of first appearance; `identity[i]` is the
    index of event i's one. Links are ragged: pair k says that event `link_event[k]` also
    names the identity `link_names[link_identity[k]]`.
    """

    offset: I64
    """Kafka offset, strictly ascending."""
    timestamp: I64
    """Event time, ms."""
    append_time: I64
    """Timestamp of the Kafka record, ms: skew and horizon are judged against it."""
    identity: I32
    """Index into `identities`."""
    identities: Sequence[Identity]
    identity_hash: U32
    """Kafka's murmur2 (31 bits) of each of `identities`."""
    id_hash: U64
    """xxh3-64 of `_id`, never 0."""
    event_ids: Sequence[str]
    kind: U8
    """`Kind`."""
    amount: F64
    """Money of the event: order total, or the sum of the items where none is given; 0 if none."""
    quantity: F64
    """Items bought, viewed or added; 0 if none."""
    link_event: I32
    link_identity: I32
    link_names: Sequence[Identity]
    mentions: Mentions = NO_MENTIONS
    """Things that the events are about."""
    code: U8 | None = None
    """What models tell apart (`afflux.event_types`), None where it is the kind of each event."""
    type_of: I32 | None = None
    """Index into `type_names`, -1 where none was given; None where no event has any."""
    type_names: Sequence[str] = ()
    """`eventType` as it was given."""

    def __len__(self) -> int:
        return len(self.offset)

    @property
    def codes(self) -> U8:
        """`code`, or the kinds."""
        return self.kind if self.code is None else self.code

    def take(self, rows: I64 | Bool) -> EventColumns:
        """The events at `rows` (ascending indices, or a mask); identities keep their index."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        place = np.full(len(self), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        kept = place[self.link_event] >= 0
        ids = self.event_ids
        return EventColumns(
            offset=self.offset[rows],
            timestamp=self.timestamp[rows],
            append_time=self.append_time[rows],
            identity=self.identity[rows],
            identities=self.identities,
            identity_hash=self.identity_hash,
            id_hash=self.id_hash[rows],
            event_ids=[ids[i] for i in rows.tolist()],
            kind=self.kind[rows],
            amount=self.amount[rows],
            quantity=self.quantity[rows],
            link_event=place[self.link_event[kept]],
            link_identity=self.link_identity[kept],
            link_names=self.link_names,
            mentions=self.mentions.moved(place),
            code=None if self.code is None else self.code[rows],
            type_of=None if self.type_of is None else self.type_of[rows],
            type_names=self.type_names,
        )

    def between(self, first: int, last: int) -> EventColumns:
        """Events first to last - 1, as views; identities and links keep their index."""
        linked = (self.link_event >= first) & (self.link_event < last)
        here = slice(first, last)
        return EventColumns(
            offset=self.offset[here],
            timestamp=self.timestamp[here],
            append_time=self.append_time[here],
            identity=self.identity[here],
            identities=self.identities,
            identity_hash=self.identity_hash,
            id_hash=self.id_hash[here],
            event_ids=self.event_ids[here],
            kind=self.kind[here],
            amount=self.amount[here],
            quantity=self.quantity[here],
            link_event=self.link_event[linked] - np.int32(first),
            link_identity=self.link_identity[linked],
            link_names=self.link_names,
            mentions=self.mentions.between(first, last),
            code=None if self.code is None else self.code[here],
            type_of=None if self.type_of is None else self.type_of[here],
            type_names=self.type_names,
        )


def empty_events() -> EventColumns:
    """No event."""
    i64, i32 = np.empty(0, np.int64), np.empty(0, np.int32)
    f64 = np.empty(0, np.float64)
    return EventColumns(
        i64, i64, i64, i32, (), np.empty(0, np.uint32), np.empty(0, np.uint64), (),
        np.empty(0, np.uint8), f64, f64, i32, i32, (),
    )  # fmt: skip
