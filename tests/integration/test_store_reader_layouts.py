"""What a store says of itself, and rows of older, newer and unknown layouts."""

from __future__ import annotations

import asyncio
import json

import pytest
import redis

from afflux.catalog import Catalog
from afflux.names import Identity
from core_cases import CATALOG
from profile_store import (
    AsyncProfileStore,
    StoreMisconfigured,
    UnknownLayout,
)
from profile_store.installation import Installation, ensure_installation, read_installation
from profile_store.keys import INSTALLATION
from profile_store.layouts import Layout
from profile_store.redis_store import RedisShardStore
from store_people import (
    PARTITIONS,
    SHARDS,
    fold,
    known,
    link,
    purchase,
    write,
)
from store_redis import RedisProcess

pytest_plugins = ["store_reading"]


async def test_a_store_that_was_never_set_up(raw: redis.Redis, server: RedisProcess) -> None:
    """An empty Redis is told apart from a missing person."""
    async with AsyncProfileStore(server.url) as reader:
        with pytest.raises(StoreMisconfigured, match="no worker has run"):
            await reader.get("crm", "1")


async def test_a_damaged_record(raw: redis.Redis, server: RedisProcess) -> None:
    """A record that is no JSON, or of a newer format, is refused with the reason."""
    async with AsyncProfileStore(server.url) as reader:
        for text, message in (("{", "damaged"), ("{}", "damaged"), ('{"format":2}', "newer")):
            raw.set(INSTALLATION, text)
            with pytest.raises(StoreMisconfigured, match=message):
                await reader.get("crm", "1")


async def test_installations_join_their_layouts(shards: RedisShardStore) -> None:
    """A worker with other models adds its layout; the old one stays; all comes back equal."""
    other = Catalog(CATALOG.models[:1])
    await ensure_installation(shards, Installation.of(other, SHARDS, PARTITIONS))
    both = await read_installation(shards)
    assert both is not None
    assert both.layouts == {c.layout: Layout.of(c) for c in (CATALOG, other)}
    assert both.current == other.layout
    with pytest.raises(StoreMisconfigured, match="64 shards, not 128"):
        await ensure_installation(shards, Installation.of(CATALOG, 128, PARTITIONS))
    with pytest.raises(StoreMisconfigured, match="4 partitions, not 8"):
        await ensure_installation(shards, Installation.of(CATALOG, SHARDS, 8))


async def test_workers_that_start_together(raw: redis.Redis, server: RedisProcess) -> None:
    """Of many that set up at once none loses the layout of another."""
    catalogs = [CATALOG, Catalog(CATALOG.models[:1]), Catalog(CATALOG.models[1:])]
    stores = [RedisShardStore(server.url, SHARDS) for _ in catalogs]
    await asyncio.gather(
        *(
            ensure_installation(store, Installation.of(catalog, SHARDS, PARTITIONS))
            for store, catalog in zip(stores, catalogs, strict=True)
        )
    )
    installation = await read_installation(stores[0])
    assert installation is not None
    assert set(installation.layouts) == {catalog.layout for catalog in catalogs}
    for store in stores:
        await store.close()


async def test_rows_of_an_older_layout(
    shards: RedisShardStore, reader: AsyncProfileStore, server: RedisProcess
) -> None:
    """After an upgrade rows that were not touched since are read by their own description."""
    old = Catalog(CATALOG.models[:1])
    await ensure_installation(shards, Installation.of(old, SHARDS, PARTITIONS))
    await fold(shards, [purchase(1, 0, "crm:1", 30)], old)
    before = await known(reader, "crm", "1")
    await ensure_installation(shards, Installation.of(CATALOG, SHARDS, PARTITIONS))
    await fold(shards, [purchase(2, 1, "device:a", 5)], CATALOG)
    async with AsyncProfileStore(server.url) as fresh:
        assert (await known(fresh, "crm", "1")).to_dict() == before.to_dict()
        await link(shards, ("crm:1", "device:a"))
        joined = await known(fresh, "crm", "1")
    assert joined.engagement is not None
    assert joined.engagement.revenue == 35.0
    assert set(joined.scores) == {"churn", "lifetime_value"}


async def test_a_reader_learns_of_a_newer_layout(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """A reader that was running before the upgrade looks the new layout up."""
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    await known(reader, "crm", "1")
    new = Catalog(CATALOG.models[::-1])
    await ensure_installation(shards, Installation.of(new, SHARDS, PARTITIONS))
    await fold(shards, [purchase(2, 0, "crm:2", 30)], new)
    assert list((await known(reader, "crm", "2")).scores) == ["lifetime_value", "churn"]


async def test_a_feature_that_older_rows_do_not_have(
    shards: RedisShardStore, reader: AsyncProfileStore, raw: redis.Redis, server: RedisProcess
) -> None:
    """A field that the older layout lacks reads as new; one of another type is refused."""
    await fold(shards, [purchase(1, 0, "crm:1", 30), purchase(2, 5, "crm:1", 30)])
    content = json.loads(bytes(raw.get(INSTALLATION)))  # type: ignore[arg-type]
    (fields,) = [layout["fragment"] for layout in content["layouts"].values()]
    gap = next(field for field in fields if field[0] == "gap_n")
    gap[0] = "another"
    raw.set(INSTALLATION, json.dumps(content))
    assert (await known(reader, "crm", "1")).features["no_gap"] == 1.0
    gap[:] = ["gap_n", "<f4", []]
    raw.set(INSTALLATION, json.dumps(content))
    async with AsyncProfileStore(server.url) as fresh:
        with pytest.raises(UnknownLayout, match="gap_n"):
            await fresh.get("crm", "1")


async def test_an_unknown_layout_is_refused(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """A row that nobody described is not guessed at."""
    stranger = Catalog(CATALOG.models[1:])
    await fold(shards, [purchase(1, 0, "crm:1", 30)], stranger)
    with pytest.raises(UnknownLayout, match=f"{stranger.layout:016x}"):
        await reader.get("crm", "1")


async def test_a_row_of_the_wrong_size(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """A cut row is an error, not half a person."""
    await write(shards, fragments={Identity(b"crm:1"): CATALOG.encode_rows(
        CATALOG.new_fragments(1))[0][:-1]})  # fmt: skip
    with pytest.raises(UnknownLayout, match="bytes of its layout"):
        await reader.get("crm", "1")
