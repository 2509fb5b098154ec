"""Errors of the client.

ApiError
  Refused       the request is not right: 4xx; `errors` says what, with JSON pointers
  Unavailable   nobody answers, 429 or 503: come back after `retry_after` seconds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """The API did not give what was asked for. status: 0 where nobody answered."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status, self.detail = status, detail


class Refused(ApiError):
    """The request is not right; the same one again will not be either."""

    def __init__(self, status: int, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(status, detail)
        self.errors = tuple(errors)


class Unavailable(ApiError):
    """Not now; the same request may be sent again."""

    def __init__(self, status: int, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(status, detail)
        self.retry_after = retry_after
