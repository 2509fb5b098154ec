"""The most frequent request, one profile, before everything that other requests need.

Routing, dependencies, exit stacks and body limits of a framework take longer than the answer to it.
Keys, parameters, audit and errors are those of the route, which is called here as it is.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.problem_handlers import handler_of
from gateway.routes.profiles import get_profile

_PREFIX = "/v1/profiles/"
_NOT_ONE = ("/similar", "/timeline")


class ProfilesFirst:
    """Middleware that answers `GET /v1/profiles/{namespace}/{id}` itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        parts = _parts(scope)
        if parts is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"] = parts
        request = Request(scope, receive)
        try:
            response = await get_profile(request)
        except Exception as error:
            handler = handler_of(error)
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)


def _parts(scope: Scope) -> dict[str, str] | None:
    """Parameters of the path; None for any other request.

    >>> _parts({"type": "http", "method": "GET", "path": "/v1/profiles/crm/a/b"})
    {'namespace': 'crm', 'id': 'a/b'}
    >>> _parts({"type": "http", "method": "GET", "path": "/v1/profiles/crm/a/similar"}) is None
    True
    """
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    path: str = scope["path"]
    if not path.startswith(_PREFIX) or path.endswith(_NOT_ONE) or "\n" in path:
        return None
    namespace, slash, id = path[len(_PREFIX) :].partition("/")
    return {"namespace": namespace, "id": id} if namespace and slash else None
