"""Where keys are kept: one JSON file that only its owner may read."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from afflux.names import AffluxError
from gateway.keys import ApiKey, KeyRing, Scope

FORMAT = 1
LOOK_S = 1.0
"""How old what we know of the file may be: a revoked key works no longer than that."""


class KeyFileDamaged(AffluxError):
    """The file is there, but cannot be read as keys."""


class KeyFile:
    """Reads it again when it has changed. A missing file has no keys."""

    def __init__(self, path: Path, clock: Callable[[], float] = monotonic) -> None:
        self.path = path
        self._clock = clock
        self._looked = float("-inf")
        self._stamp: tuple[int, int, int] | None = None
        self._ring = KeyRing()

    def ring(self) -> KeyRing:
        """The keys by now. Raises KeyFileDamaged."""
        now = self._clock()
        if now - self._looked >= LOOK_S:
            stamp = _stamp(self.path)
            if stamp != self._stamp:
                self._ring = KeyRing(_read(self.path))
                self._stamp = stamp
            self._looked = now
        return self._ring

    def add(self, key: ApiKey) -> None:
        """Keep one more."""
        with self._changing() as keys:
            keys[key.id] = key

    def remove(self, id: str) -> bool:
        """Forget one; False if there was none."""
        with self._changing() as keys:
            return keys.pop(id, None) is not None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        """One process at a time; a crash leaves the old file or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = {key.id: key for key in _read(self.path)}
            yield keys
            part = self.path.with_suffix(".part")
            part.unlink(missing_ok=True)
            opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "w") as file:
                json.dump(_content(keys), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        finally:
            os.close(lock)
            self._looked = float("-inf")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> list[ApiKey]:
    try:
        content: Any = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise KeyFileDamaged(f"the API keys in {path} cannot be read: {error}") from None
    try:
        if content["format"] != FORMAT:
            raise KeyFileDamaged(f"{path} was written by a newer Afflux")
        return [_key(entry) for entry in content["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileDamaged(f"the API keys in {path} are damaged: {error!r}") from None


def _key(entry: Any) -> ApiKey:
    return ApiKey(
        str(entry["id"]),
        str(entry["name"]),
        str(entry["sha256"]),
        frozenset(Scope(scope) for scope in entry["scopes"]),
        frozenset(map(str, entry["namespaces"])),
        int(entry["created"]),
    )


def _content(keys: dict[str, ApiKey]) -> dict[str, Any]:
    entries = [
        {
            "id": key.id,
            "name": key.name,
            "sha256": key.hashed,
            "scopes": sorted(key.scopes),
            "namespaces": sorted(key.namespaces),
            "created": key.created,
        }
        for key in keys.values()
    ]
    return {"format": FORMAT, "keys": entries}
