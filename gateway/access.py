"""Who asks, and whether they may: checked before anything else of a request is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import Request
from fastapi.openapi.models import HTTPBearer as HttpBearerModel
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from gateway.audit import Audit
from gateway.key_file import KeyFile
from gateway.keys import Scope
from gateway.problems import Problem
from gateway.rates import Rates

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="afflux"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks. namespaces: what they may name and see; empty: everything."""

    key: str
    scopes: frozenset[str]
    namespaces: frozenset[str] = frozenset()

    def may_see(self, identity: str | bytes) -> bool:
        """Whether an identity, `namespace:id`, is of their namespaces."""
        if not self.namespaces:
            return True
        text = identity.decode("utf-8", "replace") if isinstance(identity, bytes) else identity
        return text.partition(":")[0] in self.namespaces

    def must_see(self, namespaces: Iterable[str]) -> None:
        """Raises a 403 for the first namespace that is not theirs."""
        for namespace in namespaces:
            if self.namespaces and namespace not in self.namespaces:
                raise Problem(403, "this key is not for that namespace")


NO_KEYS = Caller("no-keys", frozenset(Scope))
"""Everybody, where no key was ever made: on loopback only."""


class Gate:
    """Lets callers in."""

    def __init__(self, keys: KeyFile, rates: Rates, audit: Audit, *, open_without: bool) -> None:
        """open_without: whether all may come in while there is no key."""
        self._keys, self._rates, self._audit = keys, rates, audit
        self._open = open_without

    def admit(self, authorization: str | None, peer: str, scopes: Iterable[str]) -> Caller:
        """The caller with these scopes. Raises a 401, 403 or 429."""
        caller = self._caller(authorization, peer)
        self._count(caller.key)
        missing = [scope for scope in scopes if scope not in caller.scopes]
        if missing:
            self._audit.refused(caller.key, f"scope {missing[0]}")
            raise Problem(403, f"this key has not the scope {missing[0]}")
        return caller

    def _caller(self, authorization: str | None, peer: str) -> Caller:
        ring = self._keys.ring()
        if not len(ring) and self._open:
            return NO_KEYS
        kind, _, text = (authorization or "").partition(" ")
        key = ring.find(text.strip())
        if key is None or kind.lower() != "bearer":
            self._count(f"peer {peer}")
            why = "a key is needed: Authorization: Bearer afx_..."
            raise Problem(
                401, why if not authorization else "this key is not known", (), _CHALLENGE
            )
        return Caller(key.id, frozenset(key.scopes), key.namespaces)

    def _count(self, name: str) -> None:
        wait = self._rates.take(name)
        if wait:
            raise Problem(429, "too many requests", headers={"Retry-After": str(wait)})


class KeyScheme(SecurityBase):
    """The dependency of every route that is not open: `Security(KEY, scopes=["query"])`."""

    def __init__(self) -> None:
        self.model = HttpBearerModel(description="An API key, made with `afflux keys create`")
        self.scheme_name = "apiKey"

    async def __call__(self, request: Request, scopes: SecurityScopes) -> Caller:
        """The caller, or the problem why not."""
        return self.admit(request, scopes.scopes)

    def admit(self, request: Request, scopes: Iterable[str]) -> Caller:
        """The same without FastAPI's dependencies."""
        gate: Gate = request.app.state.context.gate
        peer = request.client.host if request.client else ""
        return gate.admit(request.headers.get("authorization"), peer, scopes)


KEY = KeyScheme()
