"""Who may come in: one annotation a scope."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request, Security

from gateway.access import KEY, Caller
from gateway.context import Context
from gateway.keys import Scope

Querying = Annotated[Caller, Security(KEY, scopes=[Scope.query])]
Ingesting = Annotated[Caller, Security(KEY, scopes=[Scope.ingest])]
Administering = Annotated[Caller, Security(KEY, scopes=[Scope.admin])]


def context_of(request: Request) -> Context:
    """The services behind a request."""
    context: Context = request.app.state.context
    return context
