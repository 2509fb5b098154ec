"""From the settings to the values that the rooms below take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from launcher.errors import LauncherError
from launcher.setting_groups import RegistrySettings
from launcher.settings import Settings

# The rooms below are imported when they are needed: `afflux --help` needs none of them.
if TYPE_CHECKING:
    from profile_store.options import RedisOptions
    from streams.registry import Registry
    from streams.settings import StreamSettings


def stream_settings(settings: Settings, client_id: str = "afflux") -> StreamSettings:
    """How to reach Kafka. Raises LauncherError for options that do not fit together."""
    from streams.settings import Security, StreamSettings

    kafka, worker = settings.kafka, settings.worker
    try:
        security = Security(
            protocol=kafka.security_protocol,
            mechanism=kafka.sasl_mechanism,
            username=kafka.sasl_username or None,
            password=kafka.sasl_password if kafka.sasl_password.get_secret_value() else None,
            ca_file=_path(kafka.ssl_ca) or None,
            certificate_file=_path(kafka.ssl_certificate) or None,
            key_file=_path(kafka.ssl_key) or None,
            key_password=kafka.ssl_key_password
            if kafka.ssl_key_password.get_secret_value()
            else None,
        )
        values: dict[str, Any] = {
            "brokers": kafka.bootstrap,
            "group": kafka.group,
            "client_id": client_id,
            "instance_id": kafka.instance_id or None,
            "security": security,
            "max_records": worker.batch_records,
            "batches_ahead": worker.batches_ahead,
            "fetch_wait_ms": worker.fetch_wait_ms,
            "session_timeout_ms": kafka.session_timeout_ms,
            "heartbeat_interval_ms": min(3_000, kafka.session_timeout_ms // 3),
            "compression": worker.compression,
            "metrics_port": worker.metrics_port or None,
            "metrics_host": worker.metrics_host,
        }
        return StreamSettings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise LauncherError(
            f"Kafka settings: {first['msg']}", hint="see docs/configuration.md"
        ) from None


def redis_options(settings: Settings) -> RedisOptions:
    """How to reach Redis. Raises LauncherError for a URL that is none."""
    from profile_store.options import Durability, RedisOptions

    redis = settings.redis
    options = RedisOptions(
        url=redis.url.get_secret_value(),
        username=redis.username,
        password=redis.password.get_secret_value(),
        ssl_ca=_path(redis.ssl_ca),
        ssl_certificate=_path(redis.ssl_certificate),
        ssl_key=_path(redis.ssl_key),
        ssl_check_hostname=redis.ssl_check_hostname,
        cluster=redis.cluster,
        timeout_s=redis.timeout_s,
        durability=Durability(redis.wait_replicas, redis.wait_fsync),
    )
    try:
        options.address()
    except ValueError as error:
        raise LauncherError(f"AFFLUX_REDIS_URL: {error}") from None
    return options


def registry_of(settings: RegistrySettings) -> Registry | None:
    """The client of the schema registry, None where none is set."""
    if not settings.url:
        return None
    from streams.registry import ConfluentRegistry

    return ConfluentRegistry(settings.url, registry_options(settings))


def registry_options(settings: RegistrySettings) -> dict[str, Any]:
    """How to reach the registry, in the words of its client."""
    options: dict[str, Any] = {"timeout": settings.timeout_s}
    if settings.username:
        password = settings.password.get_secret_value()
        options["basic.auth.user.info"] = f"{settings.username}:{password}"
    return options


def secret_of(settings: Settings) -> bytes:
    """The key of control records. Raises LauncherError where there is none."""
    secret = settings.secret.get_secret_value()
    if not secret:
        raise LauncherError(
            "no key for control records: AFFLUX_SECRET is not set",
            hint="set the same value for every worker and tool, such as 64 random hex digits",
        )
    return secret.encode()


def key_path(settings: Settings) -> Path:
    """The file with the API keys."""
    return settings.gateway.keys_file or settings.data_dir / "api-keys.json"


def _path(path: Path | None) -> str:
    return "" if path is None else str(path)
