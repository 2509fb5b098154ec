"""API keys: what one may do, how it is written, how it is known again without being kept.

A key reads `afx_<id>_<secret>`. The id is public: it finds the entry, and logs name it. Of the
secret only the SHA-256 is kept; it has 256 random bits, so a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_FORM = re.compile(r"afx_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_NOBODY = "0" * 64


class Scope(StrEnum):
    """What a key may be for."""

    query = "query"
    """Read profiles, models and score updates."""
    ingest = "ingest"
    """Hand in events."""
    privacy = "privacy"
    """See all that is kept of people, delete them, keep their consent."""
    admin = "admin"
    """See the keys, link identities and cut links."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept.

    namespaces: identities that it may name and see; empty: all. created: ms since the epoch.
    """

    id: str
    name: str
    hashed: str
    scopes: frozenset[Scope]
    namespaces: frozenset[str]
    created: int


class KeyRing:
    """The keys of one moment."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._by_id = {key.id: key for key in keys}

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """All, the oldest first."""
        return tuple(sorted(self._by_id.values(), key=lambda key: (key.created, key.id)))

    def find(self, text: str) -> ApiKey | None:
        """The key that was written so; None if it is none, or is no longer.

        An unknown id costs the same comparison as a wrong secret.
        """
        parts = _FORM.fullmatch(text)
        id, secret = (parts[1], parts[2]) if parts else ("", "")
        key = self._by_id.get(id)
        same = hmac.compare_digest(_hash(secret), key.hashed if key else _NOBODY)
        return key if same else None


def new_key(
    name: str, scopes: Iterable[str], namespaces: Iterable[str], now_ms: int
) -> tuple[ApiKey, str]:
    """A key, and how it is written: nobody can tell that again. Raises ValueError."""
    wanted = frozenset(Scope(scope) for scope in scopes)
    if not wanted:
        raise ValueError("a key needs a scope")
    only = frozenset(namespaces)
    for namespace in only:
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError(f"{namespace!r} is no namespace")
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return ApiKey(id, name, _hash(secret), wanted, only, now_ms), f"afx_{id}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
