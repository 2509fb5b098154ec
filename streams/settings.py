"""How the shell talks to Kafka, as one frozen value. Nothing here reads the environment."""

from __future__ import annotations

import ssl
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Frozen(BaseModel):
    """A value: immutable, and unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Security(Frozen):
    """How to authenticate and encrypt; passed to both Kafka clients.

    >>> Security(protocol="SASL_SSL", username="a", password="b").librdkafka()["sasl.mechanism"]
    'PLAIN'
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "PLAIN"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: SecretStr | None = None

    @model_validator(mode="after")
    def _complete(self) -> Security:
        if self.protocol.startswith("SASL") and (self.username is None or self.password is None):
            raise ValueError(f"{self.protocol} needs a username and a password")
        return self

    def librdkafka(self) -> dict[str, Any]:
        """Options for confluent-kafka."""
        options: dict[str, Any] = {"security.protocol": self.protocol}
        if self.protocol.startswith("SASL"):
            options["sasl.mechanism"] = self.mechanism
            options["sasl.username"] = self.username
            options["sasl.password"] = _reveal(self.password)
        if self.protocol.endswith("SSL"):
            options["ssl.ca.location"] = self.ca_file
            options["ssl.certificate.location"] = self.certificate_file
            options["ssl.key.location"] = self.key_file
            options["ssl.key.password"] = _reveal(self.key_password)
        return {name: value for name, value in options.items() if value is not None}

    def aiokafka(self) -> dict[str, Any]:
        """Options for aiokafka, which Faust's consumer uses."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = _reveal(self.password)
        if self.protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(
                    self.certificate_file, self.key_file, _reveal(self.key_password)
                )
            options["ssl_context"] = context
        return options


class StreamSettings(Frozen):
    """Everything the shell needs to know. Times are in the unit that the name says.

    >>> StreamSettings(brokers="localhost:9092").group_of("enrich")
    'afflux-enrich'
    """

    brokers: str
    """Comma-separated host:port."""
    group: str = "afflux"
    """Prefix of the consumer groups; each plane has a group of its own."""
    client_id: str = "afflux"
    instance_id: str | None = None
    """Static membership: a name that this worker keeps over restarts and no other has. A worker
    that restarts within the session timeout then keeps its partitions without a rebalance."""
    security: Security = Security()

    max_records: int = Field(default=1000, ge=1, le=100_000)
    """Records in one batch of one topic partition."""
    max_fetch_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """Per topic partition and fetch. One larger record still comes through."""
    fetch_wait_ms: int = Field(default=10, ge=0)
    """How long the broker may hold an empty fetch. The embedded broker looks for new records
    only once in half of this time; on Apache Kafka 500 is as quick at low load and saves 4 % of a
    core, but a busy partition may then wait so long for the fetch of the others."""
    batches_ahead: int = Field(default=2, ge=1)
    """Full batches of a topic partition that are folded or queued; more stay with the broker."""

    session_timeout_ms: int = 30_000
    heartbeat_interval_ms: int = 3_000
    rebalance_timeout_ms: int = 30_000
    request_timeout_ms: int = 40_000
    commit_interval_ms: int = 2_000
    """Of Kafka's own offsets, which only lag monitors read."""

    seek_timeout_ms: int = 2_000
    """How long a rebalance waits for the positions before the partitions are paused instead."""
    revoke_timeout_ms: int = 1_500
    drain_timeout_ms: int = 10_000
    """On shutdown: how long to wait for the batches in hand."""
    backoff_ms: int = 100
    """First pause after a failure; doubles up to `max_backoff_ms`."""
    max_backoff_ms: int = 5_000
    max_failures: int = Field(default=5, ge=1)
    """Unexpected errors in a row, of one partition, before the worker stops."""

    linger_ms: float = 2.0
    compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = "lz4"
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"

    @model_validator(mode="after")
    def _times(self) -> StreamSettings:
        if self.session_timeout_ms > self.request_timeout_ms:
            raise ValueError("session_timeout_ms must not exceed request_timeout_ms")
        if 2 * self.heartbeat_interval_ms > self.session_timeout_ms:
            raise ValueError("heartbeat_interval_ms must be at most half of session_timeout_ms")
        return self

    def group_of(self, plane: str) -> str:
        """Consumer group of a plane."""
        return f"{self.group}-{plane}"

    def librdkafka(self) -> dict[str, Any]:
        """Options that all of our librdkafka clients share."""
        return {
            "bootstrap.servers": self.brokers,
            "client.id": self.client_id,
            "reconnect.backoff.ms": 200,
            "reconnect.backoff.max.ms": 2_000,
            "socket.keepalive.enable": True,
            **self.security.librdkafka(),
        }

    def aiokafka(self) -> dict[str, Any]:
        """Options that all of our aiokafka clients share."""
        return {
            "bootstrap_servers": self.brokers,
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
            "metadata_max_age_ms": 60_000,
            **self.security.aiokafka(),
        }


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
