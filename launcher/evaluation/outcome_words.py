"""What is predicted, in words: "no commerce.purchases within 14d after 1 purchases".

    outcome  = ("no" | "any" | "all") ["of"] types within
             | "amount" ["of"] types within
    types    = type { ("," | "or" | "and") type }
    within   = "within" duration [after]
    after    = "after" number channel
    duration = number ("h" | "d" | "w"), or the unit as a word of its own

Errors show the words and point at the place.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from afflux.columns import KIND_OF_EVENT_TYPE, Kind
from afflux.features.channels import COUNTED
from afflux.limits import DAY_MS, HOUR_MS
from afflux.outcomes import Eligible, Form, Outcome
from launcher.errors import LauncherError

_FORMS: dict[str, Form] = {"no": "will_not", "any": "will", "all": "will_all", "amount": "amount"}
_UNITS = {
    **dict.fromkeys(("h", "hour", "hours"), HOUR_MS),
    **dict.fromkeys(("d", "day", "days"), DAY_MS),
    **dict.fromkeys(("w", "week", "weeks"), 7 * DAY_MS),
}
_WORD = re.compile(r"[^\s,]+|,")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([a-z]*)")
_LONGEST = 3660 * DAY_MS


class OutcomeError(LauncherError):
    """Words that are no outcome."""


@dataclass(frozen=True)
class Wanted:
    """An outcome, and of whom it is predicted (None: the model's own rule)."""

    outcome: Outcome
    eligible: Eligible | None


def parse(text: str) -> Wanted:
    """The outcome that the words say. Raises OutcomeError.

    >>> parse("no commerce.purchases within 14d").outcome.describe()
    'no purchase within 14 days'
    >>> parse("amount of commerce.purchases within 4 weeks after 2 purchases").eligible
    Eligible(channel='purchases', at_least=2.0)
    """
    return _Words(text).outcome()


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as 90m is not, but 36h, 14d, 4w are. Raises OutcomeError."""
    words = _Words(text)
    found = words.duration()
    words.end()
    return found


class _Words:
    """The words from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [(m[0], m.start()) for m in _WORD.finditer(text)]
        self._at = 0

    def outcome(self) -> Wanted:
        """All of it."""
        form = _FORMS.get(self._next("no, any, all or amount").lower())
        if form is None:
            raise self._error("an outcome begins with no, any, all or amount")
        self._skip("of")
        kinds = self._kinds()
        window = self.duration()
        eligible = self._after()
        self.end()
        return Wanted(Outcome(form, kinds, window), eligible)

    def duration(self) -> int:
        """A number and its unit, in one word or two."""
        word = self._next("a duration, such as 14d")
        match = _DURATION.fullmatch(word.lower())
        if match is None:
            raise self._error("is no duration: 36h, 14d and 4w are")
        unit = match[2] or self._next("h, d or w").lower()
        if unit not in _UNITS:
            raise self._error("is no unit of time: h, d and w are")
        ms = round(float(match[1]) * _UNITS[unit])
        if not 0 < ms <= _LONGEST:
            raise self._error("a window is longer than nothing and shorter than ten years")
        return ms

    def end(self) -> None:
        """Nothing more may come."""
        if self._at < len(self._words):
            self._at += 1
            raise self._error("nothing is expected here any more")

    def _kinds(self) -> tuple[Kind, ...]:
        kinds: dict[Kind, None] = {}
        while True:
            kinds[self._kind(self._next("an event type"))] = None
            word = self._next('"within" and a duration').lower()
            if word == "within":
                return tuple(kinds)
            if word not in (",", "or", "and"):
                raise self._error('here "within", "," or another event type is expected')
            self._skip("or")
            self._skip("and")

    def _kind(self, name: str) -> Kind:
        kind = KIND_OF_EVENT_TYPE.get(name)
        if kind is not None:
            return kind
        near = difflib.get_close_matches(name, KIND_OF_EVENT_TYPE, 1, 0.5)
        known = ", ".join(KIND_OF_EVENT_TYPE)
        hint = f"did you mean {near[0]}? " if near else ""
        raise self._error("is no event type that profiles tell apart", f"{hint}Known are {known}")

    def _after(self) -> Eligible | None:
        if self._at == len(self._words):
            return None
        if self._next("").lower() != "after":
            raise self._error('here only "after", a number and what is counted may come')
        number = self._next("a number")
        if not re.fullmatch(r"\d+", number):
            raise self._error("is no number of events")
        channel = self._next("what is counted, such as purchases")
        if channel not in COUNTED:
            raise self._error("is not counted", f"counted are {', '.join(COUNTED)}")
        return Eligible(channel, float(number))

    def _next(self, expected: str) -> str:
        if self._at == len(self._words):
            self._words.append(("", len(self._text)))
            self._at += 1
            raise self._error(f"here {expected} is missing")
        self._at += 1
        return self._words[self._at - 1][0]

    def _skip(self, word: str) -> None:
        if self._at < len(self._words) and self._words[self._at][0].lower() == word:
            self._at += 1

    def _error(self, why: str, hint: str = "") -> OutcomeError:
        word, at = self._words[self._at - 1]
        marks = " " * at + "^" * max(1, len(word))
        return OutcomeError(
            f"not understood: {why}\n  {self._text}\n  {marks}",
            hint or 'for example "no commerce.purchases within 14d after 1 purchases"',
        )
