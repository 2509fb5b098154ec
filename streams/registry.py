"""Writer schemas by the id of a Confluent-compatible schema registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from afflux.names import AffluxError
from streams.errors import BrokerUnavailable

UNKNOWN_FOR_S = 60.0
"""How long an id that the registry does not know is not asked for again."""

MAX_UNKNOWN = 10_000


class RegistryUnavailable(BrokerUnavailable):
    """The registry cannot be reached or is failing: retry. No record is at fault."""


class Registry(Protocol):
    """Where ids of the Confluent framing are resolved. May block: called once an id."""

    def schema(self, schema_id: int) -> str | None:
        """The text of an Avro schema; None where the registry has no such id.

        Raises RegistryUnavailable.
        """
        ...


class ConfluentRegistry:
    """Any registry that speaks Confluent's REST interface, through confluent-kafka's client.

    options: further settings of `SchemaRegistryClient`, such as `basic.auth.user.info` or
    `ssl.ca.location`. Schemas are immutable, so an answer is kept for good; "no such id" is kept
    for a minute, so damaged records do not become requests.
    """

    def __init__(
        self,
        url: str,
        options: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            from confluent_kafka.schema_registry import SchemaRegistryClient
        except ImportError as error:
            raise AffluxError(
                f"a schema registry needs the extra: pip install 'afflux[registry]' ({error})"
            ) from None
        conf = {"timeout": 5, "max.retries": 1, **(options or {}), "url": url}
        self._client: Any = SchemaRegistryClient(conf)
        self._url = url
        self._clock = clock
        self._known: dict[int, str] = {}
        self._unknown: dict[int, float] = {}

    def schema(self, schema_id: int) -> str | None:
        """The text of an Avro schema; None where the registry has no such id."""
        if schema_id in self._known:
            return self._known[schema_id]
        if self._unknown.get(schema_id, float("-inf")) > self._clock():
            return None
        text = self._ask(schema_id)
        if text is None:
            if len(self._unknown) >= MAX_UNKNOWN:
                self._unknown.clear()
            self._unknown[schema_id] = self._clock() + UNKNOWN_FOR_S
        else:
            self._known[schema_id] = text
        return text

    def _ask(self, schema_id: int) -> str | None:
        try:
            found = self._client.get_schema(schema_id)
        except Exception as error:
            if getattr(error, "http_status_code", None) == 404:
                return None
            raise RegistryUnavailable(f"schema registry at {self._url}: {error}") from error
        text: str | None = found.schema_str if found.schema_type == "AVRO" else None
        return text
