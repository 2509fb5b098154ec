"""What goes out, for the OpenAPI page. Answers are not built of these: a test holds them equal."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(extra="forbid")


class FactorDocument(Document):
    """A reason for a score: a feature, it and its value in words, its signed part of the score."""

    feature: str
    phrase: str
    contribution: float
    value: float | None = None


class ScoreDocument(BaseModel):
    """What one model said last. Members that were not asked for are left out."""

    model: str = ""
    predicts: str = ""
    version: str = ""
    value: float = 0.0
    score: int = 0
    percentile: int = 0
    bucket: Literal["low", "medium", "high"] = "low"
    trusted: bool = False
    factors: list[FactorDocument] = []
    previous: float | None = None
    interval: list[float] | None = None
    identity: str | None = None
    event_id: str = ""
    event_time: int = 0
    event_offset: int = 0


class EngagementDocument(BaseModel):
    """Facts about all events so far, and how engaged the person is. Times are ms."""

    first_seen: int | None = None
    last_seen: int | None = None
    last_purchase: int | None = None
    events: int = 0
    purchases: int = 0
    revenue: float = 0.0
    items: float = 0.0
    views: int = 0
    adds: int = 0
    exposures: int = 0
    redemptions: int = 0
    score: int | None = None
    level: str | None = None
    trend: str = "steady"


class MembershipDocument(BaseModel):
    """Of a person in an audience: in since the last event, in before it, or not any more."""

    status: Literal["realized", "existing", "exited"] = "exited"
    last_qualification_time: int = 0


class ExampleDocument(BaseModel):
    """An outcome that is being waited for."""

    model: str
    identity: str | None
    opened_at: int
    window_ends: int
    closes_at: int
    served: float | None
    version: str


class AffinityDocument(BaseModel):
    """A thing that the person is interested in: 100 is the strongest of its kind."""

    id: str
    name: str
    score: int
    share: float
    weight: float


class ProfileDocument(Document):
    """All that is known of a person, or what was asked for. Times are ms since 1970, UTC."""

    profile_id: str
    identities: list[str]
    as_of: int
    attributes: dict[str, Any] = {}
    engagement: EngagementDocument | None = None
    at: int | None = None
    features: dict[str, float] = {}
    scores: dict[str, ScoreDocument] = {}
    affinities: dict[str, list[AffinityDocument]] = {}
    audiences: dict[str, MembershipDocument] = {}
    open_examples: list[ExampleDocument] = []
    opted_out: int | None = None
    cluster: int | None = None


class PeopleDocument(Document):
    """Profiles in the order of the question, null where nothing is known."""

    profiles: list[ProfileDocument | None]


class SnapshotDocument(Document):
    """What the learner published last. metrics: progressive validation on what was served."""

    version: str
    examples: int
    trusted: bool
    learned_offset: int
    features: list[str]
    metrics: dict[str, float]


class ModelDocument(Document):
    """A model; snapshot is null before it has learned anything."""

    name: str
    predicts: str
    kind: Literal["probability", "amount"]
    snapshot: SnapshotDocument | None


class ModelsDocument(Document):
    """All models, by name."""

    models: list[ModelDocument]


class BackFillDocument(Document):
    """How far a rule was asked of those who were known before it was saved."""

    asked: int
    shards_done: int
    shards: int


class AudienceDocument(Document):
    """An audience; its members are identities that are in now."""

    name: str
    rule: str
    saved_at: int
    members: int
    back_fill: BackFillDocument


class AudiencesDocument(Document):
    """All audiences, by name. version: one more with every change of any."""

    version: int
    audiences: list[AudienceDocument]


class AudienceVersionDocument(Document):
    """A change, and the version of all audiences that it made."""

    name: str
    version: int


class MembersDocument(Document):
    """Identities; next: the cursor of the next page, null on the last one."""

    members: list[str]
    next: str | None


class OverlapDocument(Document):
    """How many identities are in both."""

    audiences: list[str]
    members: int


class PreviewDocument(Document):
    """Of those asked: who would be inside, who lacks something, who may come or go with time."""

    asked: int
    inside: int
    share: float
    undecided: int
    timed: int
    examples: list[str]


class AcceptedDocument(Document):
    """So many events are in Kafka, acknowledged by all replicas."""

    accepted: int


class AskedDocument(Document):
    """A request is in Kafka; the receipt tells how far it is."""

    receipt: str


class LinkDocument(Document):
    """A link of an identity. state: linked or unlinked; since: event time, ms."""

    other: str
    since: int
    by_event: str
    state: Literal["linked", "unlinked"]


class PairDocument(Document):
    """A link between two identities, as the later word of its ends has it."""

    one: str
    other: str
    since: int
    by_event: str
    state: Literal["linked", "unlinked"]


class LeftOutDocument(Document):
    """A neighbour that does not belong to the profile."""

    identity: str
    reason: Literal["unique", "shared", "cap"]
    because: str


class BridgeDocument(Document):
    """Whose removal would split the graph, and into parts of which sizes."""

    identity: str
    betweenness: float
    parts: list[int]


class IdentitiesDocument(Document):
    """Who belongs together, by which links, and who does not, and why."""

    identity: str
    profile_id: str
    identities: list[str]
    links: list[PairDocument]
    left_out: list[LeftOutDocument]
    shared: list[str]
    reachable: int
    bridge: BridgeDocument | None


class ToldDocument(Document):
    """So many identities are told, in Kafka."""

    told: int


class KeptDocument(BaseModel):
    """All rows of one identity, and where else it is named; what there is not is left out.

    next_look: when a timer looks at it, ms. listed_in: audiences whose members name it.
    announced: it is in the outbox, for some seconds after a commit. cluster_sample: the habits
    that clusters are learned from, under a hash.
    """

    identity: str
    fragments: list[dict[str, Any]] = []
    attributes: list[dict[str, Any]] = []
    links: list[LinkDocument] = []
    served: dict[str, Any] = {}
    interests: dict[str, Any] = {}
    memberships: dict[str, Any] = {}
    timeline: list[dict[str, Any]] = []
    next_look: int | None = None
    listed_in: list[str] = []
    announced: bool = False
    cluster_sample: dict[str, Any] = {}


class HoldingDocument(Document):
    """A topic that may have records of a person, and in which partitions."""

    topic: str
    holds: str
    partitions: list[int]


class DossierDocument(Document):
    """All that is kept of a person: the profile, every stored row, topics with records of them."""

    profile: ProfileDocument | None
    identities: list[KeptDocument]
    topics: list[HoldingDocument]


class StoreDoneDocument(Document):
    """What was done in a store."""

    store: str
    held: str
    done: str


class TopicDoneDocument(BaseModel):
    """What was done in a topic; by when its values and keys are gone, ms, null: no promise."""

    topic: str
    held: str
    done: str
    values_gone_by: int | None = None
    keys_gone_by: int | None = None
    why: str = ""


class ModelDoneDocument(Document):
    """What a model still does."""

    model: str
    done: str


class ReceiptDocument(Document):
    """How far a request is. done: folded by all owners, and announced."""

    receipt: str
    state: Literal["pending", "done"]
    requested_at: int
    stores: list[StoreDoneDocument]
    topics: list[TopicDoneDocument]
    models: list[ModelDoneDocument]


class KeyDocument(Document):
    """An API key, without anything that lets it in."""

    id: str
    name: str
    scopes: list[str]
    namespaces: list[str]
    created: int


class KeysDocument(Document):
    """All keys, the oldest first."""

    keys: list[KeyDocument]


class HealthDocument(Document):
    """Which parts answer."""

    profiles: bool
    score_updates: bool


class LiveDocument(Document):
    """The process answers."""

    live: bool


class FaultDocument(Document):
    """One thing that is wrong with a request."""

    pointer: str = ""
    parameter: str = ""
    detail: str
    code: str = ""


class ProblemDocument(Document):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultDocument] = []
