"""A whole mapping from a sample: the likeliest column for each role, none for two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from launcher.data.file_sample import Sample
from launcher.data.time_guess import earliest
from launcher.errors import LauncherError
from launcher.guess.event_names import event_types
from launcher.guess.roles import EACH, ROLES, Guess, guesses, snake
from launcher.guess.traits import Traits, traits

LEAST = 0.55
"""A column is taken for a role from this confidence on; identity and time from `_NEEDED` on."""

_NEEDED = 0.4
_NAMESPACES = (
    ("email", "email"), ("household", "household"), ("cookie", "cookie"), ("user", "user"),
    ("crm", "crm"),
)  # fmt: skip


@dataclass
class Proposal:
    """What a file could mean.

    mapping: as the YAML file has it. guesses: role -> what was taken. others: role -> what else
    it could be. unknown: what could not be guessed, in words. notes: what to look at.
    """

    sample: Sample
    mapping: dict[str, Any] = field(default_factory=dict)
    guesses: dict[str, Guess] = field(default_factory=dict)
    others: dict[str, list[Guess]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    first: datetime | None = None
    """The earliest time of the sample."""

    def note(self, role: str, text: str) -> None:
        """Something to look at."""
        self.notes.setdefault(role, []).append(text)


class CannotGuess(LauncherError):
    """Identity or time is in no column that can be told from its name and values."""

    exit_code = 6


def propose(sample: Sample, given: Mapping[str, str] | None = None) -> Proposal:
    """A mapping of this file. given: role -> column, as a person says.

    Raises CannotGuess where there is no identity or no time.
    """
    columns = {name: traits(column) for name, column in sample.columns.items()}
    found = Proposal(sample)
    _choose(found, columns, given or {})
    _check_needed(found, columns)
    _write_identity(found, columns)
    _write_time(found, columns)
    _write_event(found, columns)
    _write_money(found, columns)
    _write_parts(found, columns)
    _write_form(found)
    _tell_unknown(found)
    return found


def _choose(found: Proposal, columns: Mapping[str, Traits], given: Mapping[str, str]) -> None:
    """The surest guess takes its column first."""
    for role, column in given.items():
        if column not in columns:
            raise LauncherError(
                f"{found.sample.path} has no column {column!r}",
                hint=f"It has {', '.join(columns)}",
            )
        found.guesses[role] = Guess(role, column, 1.0, "you said so")
    every = {role: guesses(role, list(columns.values())) for role in ROLES}
    ranked = sorted((g for gs in every.values() for g in gs), key=lambda g: -g.confidence)
    taken = {guess.column for guess in found.guesses.values()}
    for guess in ranked:
        least = _NEEDED if guess.role in ("identity", "time") else LEAST
        if guess.confidence < least or guess.role in found.guesses or guess.column in taken:
            continue
        if guess.role == "id" and "transaction" in found.guesses:
            continue
        if guess.role == "transaction" and "id" in found.guesses:
            del found.guesses["id"]
        found.guesses[guess.role] = guess
        taken.add(guess.column)
    for role, gs in every.items():
        found.others[role] = [g for g in gs if g.column not in taken][:3]


def _check_needed(found: Proposal, columns: Mapping[str, Traits]) -> None:
    for role, what in (("identity", "who it was"), ("time", "when it was")):
        if role not in found.guesses:
            raise CannotGuess(
                f"no column of {found.sample.path} could be told to say {what}",
                hint=f"name it: --{role} COLUMN, one of {', '.join(columns)}",
            )
    time = columns[found.guesses["time"].column]
    if time.times is None or time.times.problem:
        why = time.times.problem if time.times else "its values are no times that are known"
        raise CannotGuess(
            f"column {time.column.name!r} of {found.sample.path}: {why}",
            hint="nothing was written; put the column right, or name another: --time COLUMN",
        )


def _write_identity(found: Proposal, columns: Mapping[str, Traits]) -> None:
    column = found.guesses["identity"].column
    words = snake(column)
    namespace = next((name for word, name in _NAMESPACES if word in words), "customer")
    found.mapping["identity"] = {"column": column, "namespace": namespace}
    empty = 1 - columns[column].filled
    if empty:
        found.note("identity", f"{empty:.1%} of the rows name nobody: they cannot be used")


def _write_time(found: Proposal, columns: Mapping[str, Traits]) -> None:
    column = found.guesses["time"].column
    guess = columns[column].times
    assert guess is not None
    found.first = earliest(columns[column].column, guess)
    part: dict[str, Any] = {"column": column}
    formats = list(guess.formats)
    if formats != ["iso"]:
        part["format"] = formats[0] if len(formats) == 1 else formats
    if guess.zone:
        part["zone"] = guess.zone
    found.mapping["time"] = part
    for note in guess.notes:
        found.note("time", note)


def _write_event(found: Proposal, columns: Mapping[str, Traits]) -> None:
    guess = found.guesses.get("event")
    if guess is not None:
        values = columns[guess.column].column.known
        known, unknown = event_types(values)
        if known:
            part: dict[str, Any] = {"column": guess.column}
            part["types"] = {value: kind for value, kind in known.items() if value != kind}
            if unknown or not found.sample.whole:
                part["other"] = "keep"
            if unknown:
                found.unknown.append(
                    f"what {', '.join(map(repr, unknown[:8]))} in column {guess.column!r} mean: "
                    "they count as other events"
                )
            found.mapping["event"] = {k: v for k, v in part.items() if v}
            return
        del found.guesses["event"]
    bought = "amount" in found.guesses or "transaction" in found.guesses
    kind = "commerce.purchases" if bought else "web.webpagedetails.pageViews"
    found.mapping["event"] = {"type": kind}
    found.guesses["event.type"] = Guess(
        "event.type", kind, 0.7 if bought else 0.4,
        "no column of types; rows have " + ("amounts" if bought else "no amounts"),
    )  # fmt: skip
    if not bought:
        found.unknown.append("what the events are: they are taken for page views")


def _write_money(found: Proposal, columns: Mapping[str, Traits]) -> None:
    negative = 0
    for role in ("transaction", "id", "amount", "quantity"):
        guess = found.guesses.get(role)
        if guess is None:
            continue
        found.mapping[role] = guess.column
        if role in ("amount", "quantity"):
            negative += columns[guess.column].negative
            if columns[guess.column].decimal == "," and columns[guess.column].fractions:
                found.mapping["decimal"] = ","
    amount = found.guesses.get("amount")
    if amount and "quantity" in found.guesses and EACH.search(snake(amount.column)):
        found.mapping["amount_is"] = "each"
        found.note("amount", "taken for the price of each unit: the amount is price x quantity")
    if negative:
        found.mapping["negative"] = "skip"
        found.note("amount", f"{negative:,} rows of the sample are below zero (returns?): left out")


def _write_parts(found: Proposal, columns: Mapping[str, Traits]) -> None:
    for part in ("items", "campaign"):
        named = {
            role.split(".")[1]: guess.column
            for role, guess in found.guesses.items()
            if role.startswith(part + ".")
        }
        if named:
            found.mapping[part] = named


def _write_form(found: Proposal) -> None:
    sample = found.sample
    if sample.form == "csv" and sample.delimiter != ",":
        found.mapping["delimiter"] = sample.delimiter
    rows = list(zip(*(c.texts for c in sample.columns.values()), strict=True))
    again = len(rows) - len(set(rows))
    if again and "id" not in found.mapping and "transaction" not in found.mapping:
        found.mapping["duplicates"] = "keep"
        found.note(
            "duplicates", f"{again:,} rows of the sample are alike in everything; `drop` counts one"
        )


def _tell_unknown(found: Proposal) -> None:
    names = {
        "amount": "how much was paid", "items.product": "what was bought",
        "campaign.name": "which campaign it is due to",
    }  # fmt: skip
    for role, what in names.items():
        if role in found.guesses or (role == "items.product" and "items" in found.mapping):
            continue
        others = ", ".join(repr(g.column) for g in found.others.get(role, ()))
        found.unknown.append(what + (f" (perhaps {others})" if others else ""))
    used = {guess.column for guess in found.guesses.values()}
    left = [name for name in found.sample.columns if name not in used]
    if left:
        found.unknown.append(f"a use for the columns {', '.join(map(repr, left))}")
