"""Schemas into a Confluent-compatible registry, and what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from afflux.names import AffluxError
from streams.registry import RegistryUnavailable

_NO_SUBJECT = (404,)
_REFUSED = (409, 422)


class SchemaRefused(AffluxError):
    """The registry does not take the schema: it breaks the rule of its subject, or is none."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a subject."""

    subject: str
    version: int
    schema_id: int
    text: str


class Registrar:
    """Writes to a registry. options: as of `streams.registry.ConfluentRegistry`."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        try:
            from confluent_kafka.schema_registry import SchemaRegistryClient
        except ImportError as error:
            raise AffluxError(
                f"a schema registry needs the extra: pip install 'afflux[registry]' ({error})"
            ) from None
        conf = {"timeout": 5, "max.retries": 1, **(options or {}), "url": url}
        self._client: Any = SchemaRegistryClient(conf)
        self._url = url

    def latest(self, subject: str) -> Registered | None:
        """The newest version of a subject, None where it has none. Raises RegistryUnavailable."""
        try:
            found = self._client.get_latest_version(subject)
        except Exception as error:
            if getattr(error, "http_status_code", None) in _NO_SUBJECT:
                return None
            raise self._failed(error) from error
        return Registered(subject, found.version, found.schema_id, found.schema.schema_str)

    def register(self, subject: str, text: str) -> Registered:
        """A new version, or the one that has this text already.

        Raises SchemaRefused, RegistryUnavailable.
        """
        from confluent_kafka.schema_registry import Schema

        try:
            found = self._client.register_schema_full_response(subject, Schema(text, "AVRO"))
            version = found.version
            if version is None:
                version = self._client.lookup_schema(subject, Schema(text, "AVRO")).version
        except Exception as error:
            if getattr(error, "http_status_code", None) in _REFUSED:
                raise SchemaRefused(f"the registry refuses {subject}: {error}") from None
            raise self._failed(error) from error
        return Registered(subject, int(version), int(found.schema_id), text)

    def _failed(self, error: Exception) -> RegistryUnavailable:
        return RegistryUnavailable(f"schema registry at {self._url}: {error}")
