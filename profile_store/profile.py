"""What a reader gets: one person's profile, as plain frozen values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from afflux.attributes import Value
from afflux.names import EpochMs, EventId, Identity, ModelName, ProfileId
from profile_store.selection import EVERYTHING, Selection


@dataclass(frozen=True, slots=True)
class Factor:
    """A reason for a score."""

    feature: str
    phrase: str
    """The feature and its value in words, such as "no purchase for 19 days"."""
    contribution: float
    """Signed part that the feature has in the log-odds, or in ln(1 + amount)."""
    value: float | None = None
    """Of the feature, as the model saw it; None in rows from before it was kept."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one model said last of a person."""

    model: ModelName
    predicts: str
    """The outcome in words, such as "no purchase within 14 days"."""
    version: str
    """Snapshot that scored, 16 hex digits; zeros for the untrained model."""
    value: float
    """A probability 0 to 1, or an amount in the unit of the events' money."""
    score: int
    """0 to 100: the probability in percent, or the percentile of an amount."""
    percentile: int
    """1 to 100 among the values served lately; 0 while not known."""
    bucket: str
    """low, medium or high."""
    trusted: bool
    """Whether the model is past its quality gate."""
    factors: tuple[Factor, ...]
    """The strongest first."""
    previous: float | None
    """Value before this one."""
    identity: Identity
    """Whose event was scored."""
    event_id: EventId
    event_time: EpochMs
    event_offset: int
    interval: tuple[float, float] | None = None
    """Where an amount lies four times out of five; None of what has no interval."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """Facts about all events so far. Times are event times in ms, None where nothing happened."""

    first_seen: EpochMs | None
    last_seen: EpochMs | None
    last_purchase: EpochMs | None
    events: int
    purchases: int
    revenue: float
    """Money of all purchases."""
    items: float
    """Items of all purchases."""
    views: int
    """Of pages and products."""
    adds: int
    """To the cart, and checkouts."""
    exposures: int
    """To campaigns."""
    redemptions: int
    """Of coupons."""
    score: int | None = None
    """0 to 100, of the model `engagement`; None before it scored."""
    level: str | None = None
    """low, medium or high."""
    trend: str = "steady"
    """rising or falling where recent days have a quarter more or less events than is usual."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """A thing that the person is interested in."""

    id: str
    """SKU, category id, page, section or tag."""
    name: str
    """As last told by an event; the id where none was."""
    score: int
    """0 to 100, relative to the strongest of its kind."""
    share: float
    """Of all interest of the person in this kind of things, 0 to 1."""
    weight: float
    """Decayed sum: a view adds 1, a purchase 4, and both fade by a half-life."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Of a person in an audience, now or once.

    status: "realized", in since the last event or later; "existing", in already before it;
    "exited", not in any more.
    """

    status: str
    last_qualification_time: EpochMs
    """Event time of the last entry."""


@dataclass(frozen=True, slots=True)
class OpenExample:
    """An outcome that is being waited for."""

    model: ModelName
    identity: Identity
    opened_at: EpochMs
    """Event time from which on events count."""
    window_ends: EpochMs
    """Event time up to which they do."""
    closes_at: EpochMs
    """Event time after which it is labelled."""
    served: float | None
    """Value that the model served then."""
    version: str
    """Snapshot that served it, 16 hex digits."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is known of one person. What was not asked for is empty, `engagement` None.

    Attributes:
        profile_id: the same from whichever identity it is read.
        identities: the one that was asked for first, then the linked ones.
        as_of: event time of the last event, ms; 0 where there are only attributes.
        attributes: of all identities; of two values of one name the later record's.
        at: time of `features`, ms; None where they were not asked for.
        features: as the models see them (most are logarithms), rounded to float16.
        scores: by model; the latest of all identities.
        affinities: the 20 strongest first, by kind: categories, products, and of content pages,
            sections and tags; at the time `at`, else at that of the last event. An empty tuple
            where nothing is known.
        audiences: by name, those that the person is or was in; of identities that say different
            things the one that was asked last.
        open_examples: by identity and time.
        opted_out: event time since when the person may not be scored; None: they may.
        cluster: id of the audience cluster, by the latest served row; None before there is one.
    """

    profile_id: ProfileId
    identities: tuple[Identity, ...]
    as_of: EpochMs
    attributes: Mapping[str, Value] = field(default_factory=dict)
    engagement: Engagement | None = None
    at: EpochMs | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[ModelName, Score] = field(default_factory=dict)
    affinities: Mapping[str, tuple[Affinity, ...]] = field(default_factory=dict)
    audiences: Mapping[str, Membership] = field(default_factory=dict)
    open_examples: tuple[OpenExample, ...] = ()
    opted_out: EpochMs | None = None
    cluster: int | None = None
    selection: Selection = field(default=EVERYTHING, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, identities as text; only the fields that were asked for."""
        whole = {n: None if n in _FLAT else _plain(getattr(self, n)) for n in _SHOWN}
        return self.selection.pick(whole | {name: dict(getattr(self, name)) for name in _FLAT})

    def to_json(self, indent: int | None = None) -> str:
        """The same as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)


def _plain(value: Any) -> Any:
    """Without `dataclasses.asdict`, which copies everything that it finds: five times slower."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is bytes:
        return value.decode("utf-8", "backslashreplace")
    known = _NAMES.get(kind)
    if known is not None:
        names, get, nested = known
        plain = dict(zip(names, get(value), strict=True))
        for name in nested:
            plain[name] = _plain(plain[name])
        return plain
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
_SCALAR = frozenset({"str", "int", "float", "bool", "EpochMs", "ModelName", "EventId", "None"})


def _shape(kind: type[Any]) -> tuple[tuple[str, ...], attrgetter[Any], tuple[str, ...]]:
    """Names, how to get them all at once, and those whose values are not plain already."""
    found = fields(kind)
    names = tuple(field.name for field in found)
    nested = tuple(f.name for f in found if not set(str(f.type).split(" | ")) <= _SCALAR)
    return names, attrgetter(*names), nested


_NAMES = {
    kind: _shape(kind) for kind in (Factor, Score, Engagement, Affinity, Membership, OpenExample)
}
_FLAT = ("attributes", "features")
"""Their values are plain already."""
_SHOWN = tuple(field.name for field in fields(Profile) if field.name != "selection")
