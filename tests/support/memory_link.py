"""The commands of readers over a `MemoryShardStore`, as a connection to Redis answers them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from profile_store import StoreUnavailable
from profile_store.commands import Args, Command
from profile_store.memory import MemoryShardStore
from profile_store.scripts import SWAP


class MemoryLink:
    """A `Link` to what is in memory."""

    name = "memory"
    clustered = False

    def __init__(self, store: MemoryShardStore) -> None:
        self._store = store
        self.calls = 0

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order."""
        self.calls += 1
        if not self._store.available:
            raise StoreUnavailable("the memory store is switched off")
        return [self._reply(*command.args) for command in commands]

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Nothing that a reader does."""
        raise AssertionError("a reader waits for no replicas")

    async def close(self) -> None:
        """Nothing to drop."""

    def _reply(self, name: Any, *args: Any) -> Any:
        data = self._store.data
        match name:
            case "GET":
                return data.get(args[0])
            case "MGET":
                return [data.get(key) for key in args]
            case "LRANGE":
                return list(data.get(args[0], ()))
            case "HGETALL":
                counts = self._members(args[0]).items()
                return [part for field, n in counts for part in (field, b"%d" % n)]
            case "ZCARD":
                return len(self._members(args[0]))
            case "ZSCORE":
                found = self._members(args[0]).get(args[1])
                return None if found is None else b"%d" % found
            case "ZINTERCARD":
                return len(self._members(args[1]).keys() & self._members(args[2]))
            case "ZRANGEBYLEX":
                key, start, _, _, _, limit = args
                return [i for i in sorted(self._members(key)) if i > start[1:] or start == b"-"][
                    :limit
                ]
            case "SCAN":
                return self._scan(int(args[0]), args[2], args[4])
            case "UNLINK":
                return sum(data.pop(key, None) is not None for key in args)
            case "EVAL":
                return self._swap(*args)
        raise AssertionError(f"no reader sends {name}")

    def _members(self, key: bytes) -> dict[Any, int]:
        found = self._store.data.get(key, {})
        assert isinstance(found, dict)
        return found

    def _scan(self, at: int, pattern: bytes, count: int) -> Any:
        keys = sorted(self._store.data)
        wanted = pattern.decode().replace("{", "[{]")
        some = [k for k in keys[at : at + count] if fnmatchcase(k.decode(), wanted)]
        end = at + count
        return b"%d" % (end if end < len(keys) else 0), some

    def _swap(self, text: str, keys: int, key: bytes, found: bytes, wanted: bytes) -> int:
        assert (text, keys) == (SWAP.text, 1)
        if self._store.data.get(key, b"") != found:
            return 0
        self._store.data[key] = wanted
        return 1
