"""Errors as they go out: RFC 9457 problem documents, without any value that came in by mistake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from afflux.names import AffluxError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request.

    pointer: JSON pointer into the body; empty for the whole of it, or where `parameter` is given.
    code: a word for programs.
    """

    detail: str
    pointer: str = ""
    code: str = ""
    parameter: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain values; what is not known is left out."""
        named = {"parameter": self.parameter} if self.parameter else {"pointer": self.pointer}
        return {**named, "detail": self.detail, **({"code": self.code} if self.code else {})}


class Problem(AffluxError):
    """An answer that is not what was asked for."""

    def __init__(
        self,
        status: int,
        detail: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = HTTPStatus(status), detail
        self.faults, self.headers = tuple(faults), dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        """The members of the document."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.faults:
            content["errors"] = [fault.to_dict() for fault in self.faults]
        return content

    def response(self) -> Response:
        """The answer."""
        return Response(
            json.dumps(self.to_dict()), self.status, self.headers, media_type=MEDIA_TYPE
        )
