"""The groups of settings. The name of a field and its description are its documentation."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from afflux.validation import PLACEHOLDERS

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Planes(StrEnum):
    """What a worker does."""

    both = "both"
    enrich = "enrich"
    learn = "learn"


class Group(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Group):
    """How to reach Kafka, and how to make its topics."""

    bootstrap: str = Field(
        "", description="host:port[,host:port]; empty: the stack that `afflux up` started"
    )
    group: str = Field(
        "afflux", min_length=1, description="prefix of the consumer groups, the same in all workers"
    )
    security_protocol: Protocol = Field("PLAINTEXT", description="TLS and SASL, as Kafka names it")
    sasl_mechanism: Mechanism = Field("PLAIN", description="for the protocols SASL_...")
    sasl_username: str = Field("", description="SASL user")
    sasl_password: SecretStr = Field(SecretStr(""), description="SASL password")
    ssl_ca: Path | None = Field(None, description="file with the CA certificates (PEM)")
    ssl_certificate: Path | None = Field(None, description="file with our certificate (PEM)")
    ssl_key: Path | None = Field(None, description="file with our private key (PEM)")
    ssl_key_password: SecretStr = Field(SecretStr(""), description="password of that key")
    instance_id: str = Field(
        "",
        description="name of this worker that it keeps over restarts and no other has (static "
        "membership): a quick restart then moves no partitions",
    )
    session_timeout_ms: int = Field(
        30_000, ge=1000, description="silence after which a worker loses its partitions"
    )
    replication: int = Field(
        -1, description="copies of each topic that we create; -1: as the broker does by itself"
    )
    timeout_s: float = Field(10.0, gt=0, description="seconds that the broker may take to answer")


class RedisSettings(Group):
    """How to reach Redis."""

    url: SecretStr = Field(
        SecretStr(""),
        description="redis:// or rediss:// (TLS) URL, may hold user and password; empty: the "
        "stack that `afflux up` started",
    )
    username: str = Field("", description="ACL user; wins over that of the URL")
    password: SecretStr = Field(SecretStr(""), description="password of that user")
    cluster: bool = Field(
        False,
        description="the URL names one node of a Redis Cluster, or several: redis://a:6379,b:6379",
    )
    ssl_ca: Path | None = Field(None, description="file with the CA certificates (PEM)")
    ssl_certificate: Path | None = Field(None, description="file with our certificate (PEM)")
    ssl_key: Path | None = Field(None, description="file with our private key (PEM)")
    ssl_check_hostname: bool = Field(True, description="the certificate must name the host")
    timeout_s: float = Field(5.0, gt=0, description="seconds that Redis may take to answer")
    wait_replicas: int = Field(
        0, ge=0, description="replicas that must have a commit before it counts as done"
    )
    wait_fsync: bool = Field(
        False, description="a commit must be in the append-only files too (Redis 7.2)"
    )


class RegistrySettings(Group):
    """A Confluent-compatible schema registry, for values that carry its framing."""

    url: str = Field("", description="http(s):// URL; empty: single-object Avro only")
    username: str = Field("", description="basic authentication: user")
    password: SecretStr = Field(SecretStr(""), description="basic authentication: password")
    timeout_s: float = Field(5.0, gt=0, description="seconds that the registry may take to answer")


class LimitSettings(Group):
    """Which records are refused, and when a worker gives up."""

    max_bytes: int = Field(1_000_000, ge=1024, description="largest value of a record, bytes")
    max_identities: int = Field(20, ge=1, description="most identities that one event may name")
    skew_s: int = Field(
        300, ge=0, description="event time may be this many seconds after the record's timestamp"
    )
    horizon_days: int = Field(
        3650, ge=1, description="event time may be this many days before the record's timestamp"
    )
    placeholders: str = Field(
        ",".join(sorted(PLACEHOLDERS)),
        description="identifiers that stand for nobody, so that an event with one is refused; "
        "empty: none",
    )
    bad_share: float = Field(
        0.5, gt=0, le=1, description="a worker stops when a larger share of recent records is bad"
    )
    bad_window: int = Field(2000, ge=1, description="how many recent records that share is of")

    @property
    def placeholder_words(self) -> frozenset[str]:
        """The words of `placeholders`."""
        words = (word.strip().lower() for word in self.placeholders.split(","))
        return frozenset(filter(None, words))


class WorkerSettings(Group):
    """How one worker process runs."""

    planes: Planes = Field(
        Planes.both, description="what it does: enrich (fold and score), learn, or both"
    )
    codec: Literal["auto", "pyruhvro", "fastavro"] = Field(
        "auto", description="Avro decoder; auto: pyruhvro where it is installed"
    )
    batch_records: int = Field(
        1000, ge=1, le=100_000, description="most records in one batch of a partition"
    )
    batches_ahead: int = Field(
        2, ge=1, description="batches of a partition in memory; more stay with the broker"
    )
    fetch_wait_ms: int = Field(10, ge=0, description="how long the broker may hold an empty fetch")
    commit_rows: int = Field(500, ge=1, le=500, description="most rows of a shard in one commit")
    interests: bool = Field(
        True,
        description="keep what people are interested in (products, categories, pages); without it "
        "an event costs about a quarter less, and profiles have no affinities",
    )
    spacing_ms: int = Field(
        10,
        ge=0,
        le=1000,
        description="folds of few records start so long after one another: under some hundred "
        "records a second it costs nothing, above it saves CPU time; 0 starts each at once",
    )
    idle_tick_s: float = Field(
        30.0, ge=0, description="an idle partition's event time is moved on after this; 0: never"
    )
    compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field(
        "lz4", description="of what the worker produces"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="port of Prometheus metrics; 0: none")
    metrics_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address that they are served on; 0.0.0.0 for all, such as from a container",
    )


class SilenceSettings(Group):
    """People without events: their scores are made anew at doubling ages of their silence."""

    first_days: float = Field(
        4.0,
        ge=0,
        description="days of event time after the last event until the first time; then twice, "
        "four times, ... so many; 0: never",
    )
    last_days: float = Field(
        365.0, gt=0, description="days of silence after which scores are left as they are"
    )


class ExpirySettings(Group):
    """What is forgotten of people without events, by event time; 0: nothing ever is.

    Rows with open examples wait for them, rows with links stay; attributes are their sender's.
    """

    profile_days: float = Field(
        0.0, ge=0, description="days without an event after which what events told is forgotten"
    )
    pseudonymous_days: float = Field(
        0.0, ge=0, description="the same for people known by a pseudonym only, where it is sooner"
    )
    pseudonymous_namespaces: str = Field(
        "ECID,AAID,cookie", description="namespaces of pseudonyms, separated by commas"
    )
    score_days: float = Field(
        0.0, ge=0, description="days without an event after which scores are withdrawn"
    )
    membership_days: float = Field(
        0.0,
        ge=0,
        description="days after the last entry into an audience after which it is forgotten of "
        "those who are not in it any more; 0: never",
    )
    source_days: float = Field(
        30.0,
        ge=0,
        description="days of the log for which a file that was ingested is remembered: within them "
        "a second copy of it changes nothing",
    )


class TimelineSettings(Group):
    """What is kept of the single events of a person, beside what all of them add up to."""

    events: int = Field(
        50,
        ge=0,
        le=1000,
        description="the last events of each identity that are kept; 0: none, which costs nothing",
    )
    days: float = Field(
        90.0, ge=0, description="days of event time after which an event is not kept; 0: forever"
    )


class VerifySettings(Group):
    """Workers look again whether what they serve is what the log says."""

    records_per_s: float = Field(
        0.0,
        ge=0,
        description="records of the log that a worker reads again a second, to fold them one at a "
        "time and compare; 0: never",
    )
    people: int = Field(
        200, ge=1, le=100_000, description="identities of a partition that one pass compares"
    )


class LearnSettings(Group):
    """The models, the learner, and how far scoring may run ahead of it."""

    models: str = Field(
        "", description="names of models, separated by commas; empty: all that there are"
    )
    model_files: str = Field(
        "", description="Python files with a MODEL of your own, separated by commas"
    )
    outcomes: str = Field(
        "",
        description="models of your own in words, as NAME: OUTCOME, separated by semicolons, such "
        "as `demo: acme.demoBooked within 14d`; docs/evaluate.md has the grammar",
    )
    baskets: int = Field(
        4,
        ge=0,
        description="recommenders learn from one of so many purchases with items; 1: from all of "
        "them, 0: from none",
    )
    challengers: str = Field(
        "",
        description="recipes that learn in shadow, as MODEL:RECIPE, separated by commas, such as "
        "churn:fast_forget,churn:linear; recipes: fast_forget, long_memory, linear, and those of "
        "the model's file",
    )
    promote: Literal["rule", "command"] = Field(
        "rule",
        description="a challenger that is surely better is promoted by rule, and a promotion that "
        "was none taken back; or only by `afflux models promote` and `rollback`",
    )
    promote_examples: int = Field(
        1_024, ge=64, description="examples that a promotion by rule needs, at least"
    )
    promote_margin: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="share of the champion's recent loss by which a challenger must be better",
    )
    promote_risk: float = Field(
        0.005,
        gt=0,
        lt=0.5,
        description="probability of promoting one that is not better, for each 8,192 examples",
    )
    publish_examples: int = Field(
        5_000, ge=1, description="publish a snapshot after this many new examples of a model"
    )
    publish_s: float = Field(5.0, gt=0, description="or after this many seconds with new examples")
    clusters: bool = Field(True, description="learn audience clusters beside the models")
    spacing_ms: int = Field(
        100, ge=0, description="distance between two times of learning a few examples"
    )
    max_behind: int = Field(
        10_000, ge=1, description="scoring waits while the learner is more examples behind"
    )
    patience_s: float = Field(
        10.0, gt=0, description="a learner without progress for so long is not waited for"
    )


class GatewaySettings(Group):
    """The HTTP API."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; one that others can reach needs API keys",
    )
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0: a free one")
    keys_file: Path | None = Field(
        None, description="file with the hashed API keys; empty: api-keys.json in the data folder"
    )
    audit_log: Path | None = Field(
        None, description="file that gets a line for each read of personal data; empty: stderr"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged"
    )
    requests_per_s: float = Field(
        1000.0, gt=0, description="requests a second of one key, on average; more are 429"
    )
    burst: int = Field(2000, ge=1, description="requests of a key that may come at once")
    max_body_bytes: int = Field(
        1_000_000, ge=1024, description="largest body of a request; a larger one is 413"
    )
    max_people: int = Field(200, ge=1, description="most people of one lookup")
    max_events: int = Field(500, ge=1, description="most events of one request")
    produce_timeout_s: float = Field(
        10.0, gt=0, description="seconds that Kafka may take to acknowledge events"
    )
    heartbeat_s: float = Field(
        15.0, gt=0, description="a silent stream of scores gets a comment after so many seconds"
    )
    stream_s: float = Field(
        3600.0, gt=0, description="a stream of scores ends after so many seconds; clients go on"
    )
    max_streams: int = Field(200, ge=1, description="most streams of scores at the same time")
    cached_profiles: int = Field(
        4096,
        ge=0,
        description="answers kept by the hash of what Redis has, so never stale; 0: none",
    )
