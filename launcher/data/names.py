"""The names of the data sets."""

from __future__ import annotations

from enum import StrEnum


class Name(StrEnum):
    """As on the command line."""

    completejourney = "completejourney"
    cdnow = "cdnow"
    generated = "generated"
