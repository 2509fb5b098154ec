"""The Faust app of one plane, built by a factory: nothing happens at import time.

Each plane has an app, and so a consumer group, of its own: planes scale and fail apart, and a
rebalance of one does not disturb the other. Several apps run in one process and event loop.
"""

from __future__ import annotations

import os
from typing import Any

# Faust reads these when it is imported.
os.environ.setdefault("FAUST_STRICT", "1")

import faust
from faust.app.base import BootStrategy
from faust.tables import TableManager

from streams.admin import Admin
from streams.agents import enrich, learn
from streams.lanes import Lanes
from streams.metrics import Metrics
from streams.ports import Plane
from streams.settings import StreamSettings
from streams.transport import BatchTransport

AGENTS = {enrich.NAME: enrich.register, learn.NAME: learn.register}
"""Plane name -> how its agent is registered."""


class _AsItIs(faust.Schema[Any, Any]):
    """Keys and values of messages are handed on: records are decoded by the planes."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        return message.value


class _Boot(BootStrategy):
    """We produce with confluent-kafka: Faust's producer is not started."""

    enable_kafka_producer = False
    enable_web = False


class _NoTables(TableManager):
    """There are no tables whose registration Faust's own manager waits a second for."""

    async def on_start(self) -> None:
        """Start the recovery service: it is what resumes the flow after a rebalance."""
        await self._update_channels()
        await self.recovery.start()


class ShellApp(faust.App):
    """A Faust app with the batch transport and the lanes of one plane."""

    BootStrategy = _Boot

    def wire(self, settings: StreamSettings, lanes: Lanes, admin: Admin) -> None:
        """What the transport and the agents work with; before the app is started."""
        self.settings, self.lanes, self.admin = settings, lanes, admin

    async def _on_partitions_revoked(self, revoked: Any) -> None:
        # Not by the signal: the receivers of Faust's signals are shared by all apps of a process.
        await super()._on_partitions_revoked(revoked)
        await self.lanes.revoke()

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """None: there are no tables."""


def create_app(
    settings: StreamSettings,
    name: str,
    plane: Plane,
    metrics: Metrics | None = None,
    admin: Admin | None = None,
) -> ShellApp:
    """The app of the plane with this name ("enrich" or "learn"). Needs a running event loop."""
    register = AGENTS[name]
    if name == learn.NAME:
        wait = max(settings.fetch_wait_ms, learn.FETCH_WAIT_MS)
        settings = settings.model_copy(update={"fetch_wait_ms": wait})
    app = ShellApp(
        settings.group_of(name),
        broker=_broker_urls(settings),
        broker_client_id=settings.client_id,
        broker_commit_interval=settings.commit_interval_ms / 1000,
        broker_request_timeout=settings.request_timeout_ms / 1000,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        # Bare names such as BROKER_URL would override these arguments.
        env_prefix="AFFLUX_FAUST_IS_NOT_SET_BY_ENVIRONMENT",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # 0 would replace Faust's assignor by one that does not co-partition.
        table_standby_replicas=1,
        TableManager=_NoTables,
        stream_buffer_maxsize=2,
        stream_wait_empty=False,
        consumer_group_instance_id=settings.instance_id,
        worker_redirect_stdouts=False,
    )
    app.finalize()
    lanes = Lanes(name, plane, settings, (metrics or Metrics()).of(name))
    app.wire(settings, lanes, admin or Admin(settings))
    topic = app.topic(*plane.topics, schema=_AsItIs(), internal=False)
    register(app, topic, lanes)
    lanes.connect(app.consumer)  # type: ignore[arg-type]  # a BatchConsumer, see the transport

    return app


def _broker_urls(settings: StreamSettings) -> list[str]:
    return [f"kafka://{address.strip()}" for address in settings.brokers.split(",")]
