"""Who may come in: one annotation a scope."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Security

from afflux.names import Identity
from gateway.access import KEY, Caller
from gateway.context import Context
from gateway.keys import Scope
from gateway.lookups import NAMESPACE
from gateway.problems import Fault, Problem
from profile_store.reader import identity_of

Querying = Annotated[Caller, Security(KEY, scopes=[Scope.query])]
Ingesting = Annotated[Caller, Security(KEY, scopes=[Scope.ingest])]
ForPrivacy = Annotated[Caller, Security(KEY, scopes=[Scope.privacy])]
Administering = Annotated[Caller, Security(KEY, scopes=[Scope.admin])]


Namespace = Annotated[str, Path(pattern=NAMESPACE, description="Such as email or ECID.")]
Id = Annotated[str, Path(min_length=1, description="The identifier; slashes as %2F.")]


def identity_in_path(namespace: str, id: str) -> Identity:
    """The identity that a path names. Raises a 422 for what cannot be one."""
    try:
        return identity_of(namespace, id)
    except ValueError:  # too long, or half of a surrogate pair
        raise Problem(
            422, "parameters do not fit", [Fault("an id has 1 to 512 bytes", parameter="id")]
        ) from None


def context_of(request: Request) -> Context:
    """The services behind a request."""
    context: Context = request.app.state.context
    return context
