"""What is predicted, in words: "no commerce.purchases within 14d after 1 purchases".

    outcome  = ["no" | "any" | "all"] ["of"] types within
             | "amount" ["of"] types within
    types    = type { ("," | "or" | "and") type }
    within   = "within" duration [after] [unless]
    after    = "after" number done
    unless   = "unless" [number] done { ("," | "or") [number] done }
    done     = (channel | type) ["within" duration]
    duration = number ("h" | "d" | "w"), or the unit as a word of its own

A type is any `eventType`, in quotation marks if it has no dot, or has blanks; a channel is what
profiles count anyway (`features/channels.py`). Errors show the words and point at the place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from afflux.event_types import What, what
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
_WORD = re.compile(r'"[^"]+"|[^\s,]+|,')
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([a-z]*)")
_LONGEST = 3660 * DAY_MS
_RESERVED = ("within", "or", "and", "of", "after", "unless")


class OutcomeError(LauncherError):
    """Words that are no outcome."""


@dataclass(frozen=True)
class Wanted:
    """An outcome, and of whom it is predicted (None: the model's own rule)."""

    outcome: Outcome
    eligible: Eligible | None
    excluded: tuple[Eligible, ...] | None = None


def parse(text: str) -> Wanted:
    """The outcome that the words say. Raises OutcomeError.

    >>> parse("no commerce.purchases within 14d").outcome.describe()
    'no purchase within 14 days'
    >>> parse("acme.demoBooked within 14d").outcome.describe()
    'any acme.demoBooked within 14 days'
    >>> parse("amount of commerce.purchases within 4 weeks after 2 purchases").eligible
    Eligible(channel='purchases', at_least=2.0)
    >>> parse("any acme.demoBooked within 14d unless acme.signedOff within 90d").excluded[0].channel
    'acme.signedOff'
    """
    return _Words(text).outcome()


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as 90m is not, but 36h, 14d, 4w are. Raises OutcomeError."""
    words = _Words(text)
    found = words.duration()
    words.end()
    return found


def _is_type(word: str) -> bool:
    return "." in word or word.startswith('"')


class _Words:
    """The words from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [(m[0], m.start()) for m in _WORD.finditer(text)]
        self._at = 0

    def outcome(self) -> Wanted:
        """All of it."""
        first = self._next("no, any, all or amount")
        form = _FORMS.get(first.lower())
        if form is None:
            if not _is_type(first):
                raise self._error("an outcome begins with no, any, all or amount, or a type")
            form = "will"
            self._at -= 1
        self._skip("of")
        kinds = self._kinds()
        window = self.duration()
        eligible = self._after()
        excluded = self._unless()
        if self._at < len(self._words):
            self._at += 1
            raise self._error('here only "after" or "unless" and what is counted may come')
        return Wanted(Outcome(form, kinds, window), eligible, excluded)

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

    def _kinds(self) -> tuple[What, ...]:
        types = []
        while True:
            types.append(self._type(self._next("an event type")))
            word = self._next('"within" and a duration').lower()
            if word == "within":
                return what(types)
            if word not in (",", "or", "and"):
                raise self._error('here "within", "," or another event type is expected')
            self._skip("or")
            self._skip("and")

    def _type(self, name: str) -> str:
        if name in _RESERVED or name == ",":
            raise self._error("here an event type is expected")
        return name.strip('"')

    def _after(self) -> Eligible | None:
        if not self._skip("after"):
            return None
        number = self._next("a number")
        if not re.fullmatch(r"\d+", number):
            raise self._error("is no number of events")
        return self._done(number)

    def _unless(self) -> tuple[Eligible, ...] | None:
        if not self._skip("unless"):
            return None
        excluded = []
        while True:
            word = self._next("what was done")
            if re.fullmatch(r"\d+", word):
                excluded.append(self._done(word))
            else:
                self._at -= 1
                excluded.append(self._done("1"))
            comma, other = self._skip(","), self._skip("or")
            if not (comma or other):
                return tuple(excluded)

    def _done(self, number: str) -> Eligible:
        name = self._next("what is counted, such as purchases or an event type")
        if name not in COUNTED and not _is_type(name):
            raise self._error(
                "is not counted", f"counted are {', '.join(COUNTED)}, and event types such as a.b"
            )
        within = self.duration() if self._skip("within") else 0
        if within and float(number) != 1:
            raise self._error("only the last time is kept: within a time 1 can be asked for")
        return Eligible(name.strip('"'), float(number), within)

    def _next(self, expected: str) -> str:
        if self._at == len(self._words):
            self._words.append(("", len(self._text)))
            self._at += 1
            raise self._error(f"here {expected} is missing")
        self._at += 1
        return self._words[self._at - 1][0]

    def _skip(self, word: str) -> bool:
        here = self._at < len(self._words) and self._words[self._at][0].lower() == word
        self._at += here
        return here

    def _error(self, why: str, hint: str = "") -> OutcomeError:
        word, at = self._words[self._at - 1]
        marks = " " * at + "^" * max(1, len(word))
        return OutcomeError(
            f"not understood: {why}\n  {self._text}\n  {marks}",
            hint or 'for example "no commerce.purchases within 14d after 1 purchases"',
        )
