"""The installation record in both stores, and the failures that the memory store can play."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from core_cases import CATALOG
from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.installation import Installation, ensure_installation, read_installation
from profile_store.memory import MemoryShardStore
from profile_store.redis_store import RedisShardStore
from store_cases import SHARDS, first, position, request, rows, second
from store_redis import RedisProcess

WANTED = Installation.of(CATALOG, SHARDS, 4)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    """One server for the module; each test has a database of its own."""
    with RedisProcess() as process:
        yield process


@pytest.fixture(params=["memory", "redis"])
async def store(
    request: pytest.FixtureRequest, server: RedisProcess
) -> AsyncIterator[MemoryShardStore | RedisShardStore]:
    """Each kind of store, empty."""
    if request.param == "memory":
        yield MemoryShardStore(SHARDS)
        return
    number = sum(request.node.name.encode()) % 16
    store = RedisShardStore(f"{server.url[:-1]}{number}", SHARDS)
    yield store
    await store.close()


async def test_the_first_one_sets_up(store: MemoryShardStore | RedisShardStore) -> None:
    """Nothing is there, then exactly what was wanted; again and it is the same."""
    assert await read_installation(store) is None
    assert await ensure_installation(store, WANTED) == WANTED
    stored = await store.installation()
    assert await ensure_installation(store, WANTED) == WANTED
    assert await store.installation() == stored
    assert await read_installation(store) == WANTED


async def test_a_swap_compares(store: MemoryShardStore | RedisShardStore) -> None:
    """A record that changed in between is not overwritten."""
    assert await store.swap_installation(b"", b"one")
    assert not await store.swap_installation(b"", b"two")
    assert not await store.swap_installation(b"zero", b"two")
    assert await store.swap_installation(b"one", b"two")
    assert await store.installation() == b"two"


async def test_other_shards_are_refused(store: MemoryShardStore | RedisShardStore) -> None:
    """Shards and partitions are fixed at installation."""
    await ensure_installation(store, WANTED)
    with pytest.raises(StoreMisconfigured, match="16 shards, not 32"):
        await ensure_installation(store, Installation.of(CATALOG, 32, 4))


async def test_a_switched_off_store() -> None:
    """While it is not available every call fails, and nothing is lost."""
    store = MemoryShardStore(SHARDS)
    await store.commit([first(fragments=rows([1]))])
    store.available = False
    for call in (
        store.read([request()]), store.commit([second()]), store.positions([0]),
        store.outboxes([0]), store.current_snapshots(["m"]), store.snapshot("m", "1"),
        store.put_snapshot("m", "1", b""), store.installation(),
    ):  # fmt: skip
        with pytest.raises(StoreUnavailable):
            await call
    store.available = True
    assert await store.positions([0]) == [position(1)]


@pytest.mark.parametrize(("landed", "expected"), [(None, 3), (0, 0), (2, 2)])
async def test_a_lost_connection(landed: int | None, expected: int) -> None:
    """The connection breaks once: after all commits, before any, or between two shards."""
    store = MemoryShardStore(SHARDS)
    store.lose_next_commit(landed)
    with pytest.raises(StoreUnavailable):
        await store.commit([first(s) for s in range(3)])
    assert [bool(p) for p in await store.positions(range(3))] == [n < expected for n in range(3)]
    assert len(await store.commit([first(9)])) == 1


async def test_a_backup_is_restored() -> None:
    """An older copy of everything comes back, deadlines included, and stays as it was."""
    store = MemoryShardStore(SHARDS)
    await store.commit([first(fragments=rows([1]), deadlines={rows([1])[0][0]: 5})])
    backup = store.dump()
    await store.commit([second(fragments=rows([1, 2]), deadlines={rows([2])[0][0]: 6})])
    store.restore(backup)
    assert store.dump() == backup
    (result,) = await store.commit([second(deadlines={rows([1])[0][0]: 0})])
    assert result.landed
    assert store.dump() != backup
