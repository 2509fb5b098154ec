"""What answers look like, for type checkers: plain dicts, as the OpenAPI page describes them.

Profiles are left as they are: which members one has depends on the fields that were asked for.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Profile = dict[str, Any]


class Affinity(TypedDict):
    """A thing that the person is interested in: 100 is the strongest of its kind."""

    id: str
    name: str
    score: int
    share: float
    weight: float


class Alike(TypedDict):
    """Somebody who is like the person; in_common: names of things, the strongest first."""

    profile_id: str
    identities: list[str]
    similarity: float
    cluster: int | None
    in_common: list[str]


class Similar(TypedDict):
    """The most alike of a sample of so many people, the most similar first."""

    by: Literal["interests", "cluster"]
    sample: int
    cluster: int | None
    opted_out: bool
    people: list[Alike]


class Thing(TypedDict):
    """A thing that an event names."""

    kind: Literal["product", "page"]
    id: str


class Event(TypedDict):
    """What happened once. identity: None where the key may not see it."""

    event_id: str
    event_time: int
    event_type: str | None
    amount: float
    quantity: float
    about: list[Thing]
    identity: str | None


class Timeline(TypedDict):
    """Events of a person by event time. next: the cursor of the page that follows."""

    profile_id: str
    identities: list[str]
    events: list[Event]
    next: str | None


class Snapshot(TypedDict):
    """What the learner published last. metrics: progressive validation on what was served."""

    version: str
    examples: int
    trusted: bool
    learned_offset: int
    features: list[str]
    metrics: dict[str, float]


class Model(TypedDict):
    """A model; snapshot is None before it has learned anything."""

    name: str
    predicts: str
    kind: Literal["probability", "amount"]
    snapshot: Snapshot | None


class BackFill(TypedDict):
    """How far a rule was asked of those who were known before it was saved."""

    asked: int
    shards_done: int
    shards: int


class Audience(TypedDict):
    """An audience; members: how many identities are in now."""

    name: str
    rule: str
    saved_at: int
    members: int
    back_fill: BackFill


class Members(TypedDict):
    """A page of identities; next: the cursor of the next page, None on the last one."""

    members: list[str]
    next: str | None


class Preview(TypedDict):
    """Of those asked: who would be inside, who lacks something, who may come or go with time."""

    asked: int
    inside: int
    share: float
    undecided: int
    timed: int
    examples: list[str]


class Cluster(TypedDict):
    """A group of alike people; people: about how many."""

    id: int
    description: str
    people: int


class Clusters(TypedDict):
    """Audience clusters; none before enough people are known."""

    version: str | None
    openings: int
    metrics: dict[str, float]
    clusters: list[Cluster]


class Recommendation(TypedDict):
    """An item. score: how probable it is in the next basket; known: seen or bought before."""

    id: str
    name: str
    score: float
    known: bool


class Recommendations(TypedDict):
    """Lists for a person, best first; of what is popular where nothing is known of them."""

    profile_id: str
    known: bool
    as_of: int
    versions: dict[str, str | None]
    categories: list[Recommendation]
    products: list[Recommendation]


class Forecasts(TypedDict):
    """Forecasts by segment; none before two weeks of event time are closed."""

    closed_until: str | None
    days: int
    forecasts: list[dict[str, Any]]


class Dossier(TypedDict):
    """All that is kept of a person: the profile, every stored row, topics with records of them."""

    profile: Profile | None
    identities: list[dict[str, Any]]
    topics: list[dict[str, Any]]


class Receipt(TypedDict):
    """How far a delete is, and what was done where."""

    receipt: str
    state: Literal["pending", "done"]
    requested_at: int
    stores: list[dict[str, Any]]
    topics: list[dict[str, Any]]
    models: list[dict[str, Any]]


class Identities(TypedDict):
    """Who belongs together, by which links, and who does not, and why."""

    identity: str
    profile_id: str
    identities: list[str]
    links: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    shared: list[str]
    reachable: int
    bridge: dict[str, Any] | None


class Key(TypedDict):
    """An API key, without anything that lets it in."""

    id: str
    name: str
    scopes: list[str]
    namespaces: list[str]
    created: int


class Health(TypedDict):
    """Which parts answer."""

    profiles: bool
    score_updates: bool
