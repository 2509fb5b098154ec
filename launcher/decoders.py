"""The decoder that the settings ask for: of the worker, and of whoever reads its log again."""

from __future__ import annotations

from afflux.catalog import Catalog
from afflux.limits import DAY_MS
from afflux.shards import shards_for
from launcher.compose import registry_of, secret_of
from launcher.settings import Settings
from streams.bad_records import Limits
from streams.decoding import Decoder


def event_decoder(settings: Settings, catalog: Catalog) -> Decoder:
    """Decodes and validates records of the input topics. Raises LauncherError without a secret."""
    limits = settings.limits
    return Decoder(
        Limits(
            partitions=settings.partitions,
            shards=shards_for(settings.partitions),
            max_bytes=limits.max_bytes,
            max_identities=limits.max_identities,
            skew_ms=limits.skew_s * 1000,
            horizon_ms=limits.horizon_days * DAY_MS,
            placeholders=limits.placeholder_words,
        ),
        secret_of(settings),
        registry_of(settings.registry),
        settings.worker.codec,
        interests=settings.worker.interests,
        types=catalog.types,
    )
