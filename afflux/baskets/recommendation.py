"""An item of a list that somebody is recommended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An item, best first in its list.

    score: 0-1, how probable it is in the next basket, for comparison within a list. known: whether
    the person has looked at it or bought it before.
    """

    id: str
    name: str
    """The id where no name was ever given."""
    score: float
    known: bool
