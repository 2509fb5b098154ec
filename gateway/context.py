"""Everything that the routes work with, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access import Gate
from gateway.audience_desk import AudienceDesk
from gateway.audit import Audit
from gateway.cluster_reading import ClusterReading
from gateway.forecast_reading import ForecastReading
from gateway.health import Health
from gateway.ingest import Ingest
from gateway.key_file import KeyFile
from gateway.model_quality import ModelQuality
from gateway.profile_reading import ProfileReading
from gateway.recommendation_reading import RecommendationReading
from gateway.settings import GatewaySettings
from gateway.subscriptions import Subscriptions
from streams.privacy.desk import PrivacyDesk


@dataclass(frozen=True, slots=True)
class Context:
    """The services of one gateway."""

    settings: GatewaySettings
    keys: KeyFile
    gate: Gate
    audit: Audit
    profiles: ProfileReading
    models: ModelQuality
    audiences: AudienceDesk
    clusters: ClusterReading
    recommendations: RecommendationReading
    forecasts: ForecastReading
    ingest: Ingest
    subscriptions: Subscriptions
    privacy: PrivacyDesk
    health: Health
