"""What one check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """state: "good", "note" (worth knowing, nothing to do now), or "bad"."""

    state: State
    what: str
    message: str
    hint: str = ""


def good(what: str, message: str) -> Finding:
    """As it should be."""
    return Finding("good", what, message)


def note(what: str, message: str) -> Finding:
    """Worth knowing."""
    return Finding("note", what, message)


def bad(what: str, message: str, hint: str = "") -> Finding:
    """Must be put right."""
    return Finding("bad", what, message, hint)
