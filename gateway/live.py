"""A gateway on real servers: its application, and what has to be started and stopped with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from afflux.outcomes import ModelSpec
from gateway.app import create_app
from gateway.composition import build_context
from gateway.key_file import KeyFile
from gateway.score_hub import ScoreHub
from gateway.score_log import KafkaScoreLog
from gateway.settings import GatewaySettings
from profile_store import AsyncProfileStore
from streams.delivery import KafkaDelivery
from streams.privacy.desk import PrivacyDesk
from streams.privacy.live_configs import live_configs
from streams.settings import StreamSettings


class Live:
    """Make it in a running event loop; it connects to nothing before the application starts.

    `app` owns the store and closes it at its end. secret: signs control records; without one
    nobody can be deleted here.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        keys: KeyFile,
        store: AsyncProfileStore,
        models: Sequence[ModelSpec],
        streams: StreamSettings,
        *,
        open_without_keys: bool,
        secret: bytes = b"",
    ) -> None:
        self._streams, self._store = streams, store
        self._delivery: KafkaDelivery | None = None
        self._hub = ScoreHub(settings.queue_updates, settings.max_streams)
        self._log = KafkaScoreLog(streams)
        context = build_context(
            settings,
            keys,
            store,
            models,
            self._producer,
            self._hub,
            self._log,
            PrivacyDesk(store, self._producer, live_configs(streams), secret),
            open_without_keys=open_without_keys,
        )
        self.app = create_app(context, self._lifespan)

    def end_streams(self) -> None:
        """Let subscribers go; they come back to whoever is there then."""
        self._hub.close()

    def _producer(self) -> KafkaDelivery:
        """Made when there is something to produce: many gateways only answer questions."""
        if self._delivery is None:
            self._delivery = KafkaDelivery(self._streams)
        return self._delivery

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self._log.follow(self._hub)
        try:
            yield
        finally:
            self._hub.close()
            await self._log.close()
            if self._delivery is not None:
                await self._delivery.close()
            await self._store.close()
