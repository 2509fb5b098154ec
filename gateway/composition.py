"""Puts a context together from what it talks to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from afflux.outcomes import ModelSpec
from gateway.access import Gate
from gateway.audience_desk import AudienceDesk, AudienceReader
from gateway.audit import Audit
from gateway.cluster_reading import ClusterReading
from gateway.context import Context
from gateway.forecast_reading import ForecastReading
from gateway.health import Health
from gateway.ingest import Ingest
from gateway.key_file import KeyFile
from gateway.model_quality import ModelQuality
from gateway.profile_reading import ProfileReader, ProfileReading
from gateway.rates import Rates
from gateway.recommendation_reading import RecommendationReader, RecommendationReading
from gateway.score_hub import ScoreHub, ScoreLog
from gateway.settings import GatewaySettings
from gateway.subscriptions import Subscriptions
from streams.ports import Delivery
from streams.privacy.desk import PrivacyDesk


class Reader(ProfileReader, AudienceReader, RecommendationReader, Protocol):
    """What the gateway needs of a store; `AsyncProfileStore` is one."""


def build_context(
    settings: GatewaySettings,
    keys: KeyFile,
    reader: Reader,
    models: Sequence[ModelSpec],
    delivery: Callable[[], Delivery],
    hub: ScoreHub,
    log: ScoreLog,
    desk: PrivacyDesk,
    *,
    open_without_keys: bool,
) -> Context:
    """The services of a gateway. delivery: called when there are events to produce."""
    profiles = ProfileReading(reader, settings.cached_profiles)
    hub.on_retraction(profiles.forget)
    audit = Audit()
    rates = Rates(settings.requests_per_s, settings.burst)
    return Context(
        settings=settings,
        keys=keys,
        gate=Gate(keys, rates, audit, open_without=open_without_keys),
        audit=audit,
        profiles=profiles,
        models=ModelQuality(reader, models),
        audiences=AudienceDesk(reader),
        clusters=ClusterReading(reader),
        recommendations=RecommendationReading(reader),
        forecasts=ForecastReading(reader),
        ingest=Ingest(delivery, settings),
        subscriptions=Subscriptions(hub, log, settings, reader.deleted_at),
        privacy=desk,
        health=Health(reader, hub),
    )
