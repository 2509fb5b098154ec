"""Why a rule is not saved, and where in its text the reason stands."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.audiences.syntax import Place
from afflux.names import AffluxError


class RuleError(AffluxError):
    """A rule is no CEL, is outside the subset, or does not fit its vocabulary.

    >>> print(RuleError("no such name", Place(1, 8), ["now", "profile"], "loyal"))
    audience loyal, line 1, column 8: no such name; possible here: now, profile
    """

    def __init__(
        self, reason: str, place: Place, possible: Sequence[str] = (), audience: str = ""
    ) -> None:
        super().__init__(reason, place, possible, audience)
        self.reason = reason
        self.place = place
        self.possible = tuple(possible)
        self.audience = audience

    def of(self, audience: str) -> RuleError:
        """The same of a named audience."""
        return RuleError(self.reason, self.place, self.possible, audience)

    def __str__(self) -> str:
        name = f"audience {self.audience}, " if self.audience else ""
        possible = f"; possible here: {', '.join(self.possible)}" if self.possible else ""
        return f"{name}line {self.place.line}, column {self.place.column}: {self.reason}{possible}"
