"""Where Kafka and Redis are: the settings, completed from the stack that runs here."""

from __future__ import annotations

from pydantic import SecretStr

from launcher.errors import LauncherError
from launcher.settings import Settings, load
from launcher.stack import control_secret, find_running

EMBEDDED_SESSION_MS = 6000
"""The embedded broker lets a worker wait half the session timeout before it may join."""


def connected() -> Settings:
    """The settings in force with every address filled in.

    An address that is not set is that of the stack which runs from `data_dir`. Raises
    LauncherError where there is none.
    """
    settings = with_kafka()
    if not settings.redis.url.get_secret_value():
        raise _nowhere("Redis", "AFFLUX_REDIS_URL")
    return settings


def with_kafka() -> Settings:
    """The same for commands that need only Kafka."""
    settings = complete(load())
    if not settings.kafka.bootstrap:
        raise _nowhere("Kafka", "AFFLUX_KAFKA_BOOTSTRAP")
    return settings


def with_redis() -> Settings:
    """The same for commands that need only Redis."""
    settings = complete(load())
    if not settings.redis.url.get_secret_value():
        raise _nowhere("Redis", "AFFLUX_REDIS_URL")
    return settings


def complete(settings: Settings) -> Settings:
    """The settings with what the running stack knows where nothing is set."""
    running = find_running(settings.data_dir)
    if running is not None and not settings.kafka.bootstrap:
        update: dict[str, object] = {"bootstrap": running.bootstrap}
        if (
            running.broker == "embedded"
            and "session_timeout_ms" not in settings.kafka.model_fields_set
        ):
            update["session_timeout_ms"] = EMBEDDED_SESSION_MS
        kafka = settings.kafka.model_copy(update=update)
        settings = settings.model_copy(update={"kafka": kafka, "partitions": running.partitions})
    if running is not None and not settings.redis.url.get_secret_value():
        redis = settings.redis.model_copy(update={"url": SecretStr(running.redis_url)})
        settings = settings.model_copy(update={"redis": redis})
    if not settings.secret.get_secret_value():
        secret = SecretStr(control_secret(settings.data_dir))
        settings = settings.model_copy(update={"secret": secret})
    return settings


def _nowhere(what: str, name: str) -> LauncherError:
    return LauncherError(
        f"no {what}: {name} is not set, and no stack runs from this folder",
        hint=f"set {name}, or start everything with `afflux up`",
    )
