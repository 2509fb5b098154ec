"""What goes out of clusters, forecasts, lists, similar people, timelines: for the OpenAPI page."""

from __future__ import annotations

from typing import Literal

from gateway.documents import Document


class ClusterDocument(Document):
    """A group of alike people. id: never used again; people: about how many."""

    id: int
    description: str
    people: int


class ClustersDocument(Document):
    """Audience clusters; none before enough people are known.

    metrics: stability is the adjusted Rand index between the last two days.
    """

    version: str | None
    openings: int
    metrics: dict[str, float]
    clusters: list[ClusterDocument]


class RecommendationDocument(Document):
    """An item. score: how probable it is in the next basket; known: seen or bought before."""

    id: str
    name: str
    score: float
    known: bool


class RecommendationsDocument(Document):
    """Lists for a person, best first. known: whether anything is known of what they like.

    as_of: event time that they are for, ms. versions: of the snapshots that ranked them.
    """

    profile_id: str
    known: bool
    as_of: int
    versions: dict[str, str | None]
    categories: list[RecommendationDocument]
    products: list[RecommendationDocument]


class ExpectedDocument(Document):
    """A day ahead: what is expected, and the interval that holds nine days in ten."""

    date: str
    expected: float
    low: float
    high: float


class LastDayDocument(Document):
    """The last closed day beside what had been expected of it."""

    value: float
    expected: float
    low: float
    high: float


class ForecastDocument(Document):
    """One series. alarms: the last days on which one began; alarm: whether one stands now."""

    segment: str
    measure: Literal["events", "revenue"]
    last: LastDayDocument
    alarm: bool
    alarms: list[str]
    ahead: list[ExpectedDocument]


class ForecastsDocument(Document):
    """Forecasts by segment; none before two weeks of event time are closed."""

    closed_until: str | None
    days: int
    forecasts: list[ForecastDocument]


class AlikeDocument(Document):
    """Somebody who is like the person, and names of things that both are most interested in."""

    profile_id: str
    identities: list[str]
    similarity: float
    cluster: int | None
    in_common: list[str]


class SimilarDocument(Document):
    """The most alike of a sample of so many people. opted_out: compared with nobody."""

    by: Literal["interests", "cluster"]
    sample: int
    cluster: int | None
    opted_out: bool
    people: list[AlikeDocument]


class ThingDocument(Document):
    """A thing that an event names."""

    kind: Literal["product", "page"]
    id: str


class EventDocument(Document):
    """What happened once. Times are ms since 1970, UTC."""

    event_id: str
    event_time: int
    event_type: str | None
    amount: float
    quantity: float
    about: list[ThingDocument]
    identity: str | None


class TimelineDocument(Document):
    """Events of a person by event time; next: the cursor of the page that follows."""

    profile_id: str
    identities: list[str]
    events: list[EventDocument]
    next: str | None
