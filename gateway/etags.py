"""ETags: marks in quotes, and the lists of them in If-None-Match."""

from __future__ import annotations

import re

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def etag(mark: str) -> str:
    """The ETag of a mark."""
    return f'"{mark}"'


def marks_of(header: str | None) -> frozenset[str]:
    """The marks that If-None-Match names; `*` stands for itself.

    >>> sorted(marks_of('"a", W/"b"')), sorted(marks_of("*")), sorted(marks_of(None))
    (['a', 'b'], ['*'], [])
    """
    if header is None:
        return frozenset()
    if header.strip() == "*":
        return frozenset("*")
    return frozenset(_TAG.findall(header))
