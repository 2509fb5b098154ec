"""The composition root of a worker: settings in, planes with all that they need out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from afflux.catalog import Catalog
from afflux.limits import DAY_MS, Expiry, Silence, Timelines
from afflux.shards import shards_for
from launcher.chosen_models import chosen_models
from launcher.compose import redis_options, secret_of
from launcher.decoders import event_decoder
from launcher.setting_groups import ExpirySettings
from launcher.settings import Settings
from models.contract import Model
from models.learner import Schedule
from models.roster import Rules
from profile_store.audience_store import AudienceStore
from profile_store.dataset_store import DatasetShelf
from profile_store.installation import Installation, ensure_installation
from profile_store.redis_store import RedisShardStore
from profile_store.volumes import daily_volumes
from streams.audience_source import AudienceSource
from streams.dataset_source import DeclaredDatasets
from streams.dead_letters import DeadLetters
from streams.delivery import KafkaDelivery
from streams.enrich import EnrichPlane, EnrichSettings
from streams.learner_metrics import LearnerMetrics
from streams.learning import LearnPlane
from streams.metrics import Metrics
from streams.ports import Plane
from streams.scorers import SnapshotSource
from streams.settings import StreamSettings
from streams.timed_store import timed
from streams.volume_watch import VolumeWatch


@dataclass(frozen=True)
class Parts:
    """What the planes of one worker share. `close` it at the end."""

    catalog: Catalog
    store: RedisShardStore
    delivery: KafkaDelivery
    planes: dict[str, Plane]
    datasets: DeclaredDatasets

    async def close(self) -> None:
        """Wait shortly for what is being produced; drop the connections."""
        await self.delivery.close()
        await self.store.close()

    async def set_up(self, partitions: int) -> None:
        """Describe the installation in the store. Raises StoreUnavailable, StoreMisconfigured."""
        wanted = Installation.of(self.catalog, shards_for(partitions), partitions)
        await ensure_installation(self.store, wanted)
        await self.datasets.refresh()  # planes are asked for their topics next


def build(settings: Settings, streams: StreamSettings, metrics: Metrics) -> Parts:
    """The planes that the settings ask for. Needs a running event loop; connects to nothing yet."""
    models = chosen_models(settings)
    catalog = Catalog([model.spec for model in models])
    store = RedisShardStore(redis_options(settings), shards_for(settings.partitions))
    delivery = KafkaDelivery(streams, metrics)
    datasets = DeclaredDatasets(DatasetShelf(store.link))
    planes: dict[str, Plane] = {}
    if settings.worker.planes in ("both", "enrich"):
        planes["enrich"] = _enrich(settings, catalog, store, delivery, metrics, datasets)
    if settings.worker.planes in ("both", "learn"):
        planes["learn"] = _learn(settings, models, catalog, store, delivery, metrics)
    return Parts(catalog, store, delivery, planes, datasets)


def _enrich(
    settings: Settings,
    catalog: Catalog,
    store: RedisShardStore,
    delivery: KafkaDelivery,
    metrics: Metrics,
    datasets: DeclaredDatasets,
) -> EnrichPlane:
    audiences = AudienceStore(store.link, store.keys)
    return EnrichPlane(
        settings=enrich_settings(settings),
        catalog=catalog,
        store=timed(store, metrics),
        delivery=delivery,
        decoder=event_decoder(settings, catalog),
        dead_letters=DeadLetters(delivery, metrics),
        scorers=SnapshotSource(store, catalog),
        nonce=uuid.uuid4().bytes,
        monotonic=time.monotonic,
        wall_ms=_wall_ms,
        metrics=metrics,
        audiences=AudienceSource(audiences, catalog),
        people=audiences,
        datasets=datasets,
    )


def enrich_settings(settings: Settings) -> EnrichSettings:
    """The part of the settings that the enrich plane knows."""
    return EnrichSettings(
        partitions=settings.partitions,
        shards=shards_for(settings.partitions),
        secret=secret_of(settings),
        skew_ms=settings.limits.skew_s * 1000,
        commit_rows=settings.worker.commit_rows,
        spacing_ms=settings.worker.spacing_ms,
        learner_lag=settings.learn.max_behind,
        learner_patience_s=settings.learn.patience_s,
        idle_tick_s=settings.worker.idle_tick_s,
        bad_share=settings.limits.bad_share,
        bad_window=settings.limits.bad_window,
        silence=Silence(_ms(settings.silence.first_days), _ms(settings.silence.last_days)),
        baskets=settings.learn.baskets,
        expiry=_expiry(settings.expiry),
        timelines=Timelines(settings.timeline.events, _ms(settings.timeline.days)),
    )


def _expiry(settings: ExpirySettings) -> Expiry:
    names = settings.pseudonymous_namespaces.split(",")
    return Expiry(
        profile_ms=_ms(settings.profile_days),
        pseudonymous_ms=_ms(settings.pseudonymous_days),
        pseudonymous=tuple(name.strip() for name in names if name.strip()),
        score_ms=_ms(settings.score_days),
        membership_ms=_ms(settings.membership_days),
        source_ms=_ms(settings.source_days),
    )


def _ms(days: float) -> int:
    return round(days * DAY_MS)


def _learn(
    settings: Settings,
    models: Sequence[Model],
    catalog: Catalog,
    store: RedisShardStore,
    delivery: KafkaDelivery,
    metrics: Metrics,
) -> LearnPlane:
    schedule = Schedule(settings.learn.publish_examples, settings.learn.publish_s)
    return LearnPlane(
        models=models,
        catalog=catalog,
        store=store,
        delivery=delivery,
        monotonic=time.monotonic,
        wall_ms=_wall_ms,
        schedule=schedule,
        metrics=LearnerMetrics(metrics),
        rules=promotion_rules(settings),
        secret=secret_of(settings),
        spacing_s=settings.learn.spacing_ms / 1000,
        clusters=settings.learn.clusters,
        volumes=VolumeWatch(
            partial(daily_volumes, store.link, store.keys, settings.partitions, DAY_MS),
            delivery, metrics, time.monotonic, _wall_ms,
        ),
    )  # fmt: skip


def promotion_rules(settings: Settings) -> Rules:
    """When challengers are promoted without anybody's command."""
    learn = settings.learn
    return Rules(
        by_rule=learn.promote == "rule",
        least=learn.promote_examples,
        margin=learn.promote_margin,
        risk=learn.promote_risk,
    )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
