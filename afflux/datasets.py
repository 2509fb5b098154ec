"""Data sets: what feeds profiles, each with a topic, a schema, a precedence and a time to live.

An experience-event data set has events, which are folded into fragments. A record data set has
attributes: whole records of an identity, the latest of which counts. A data set of patches changes
some attributes of a record data set and leaves the others: both are folded into the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from afflux.limits import DAY_MS
from afflux.names import ATTRIBUTES, EVENTS, PATCHES, AffluxError, Dataset

Kind = Literal["events", "record", "patches"]

FIELD_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "double": (float, int), "long": (int,), "boolean": (bool,),
}  # fmt: skip
"""Types that a field may be declared with, named as in Avro."""

CONTRACTS: Mapping[Kind, str] = {
    "events": "ExperienceEvent", "record": "ProfileAttributes", "patches": "ProfileAttributePatch",
}  # fmt: skip
"""Schema on the wire of each kind."""

PLAIN_PRECEDENCE = 100
"""Of whatever was declared without one."""

FIRST_FREE = 3
"""Positions know topics by number; those below are of the topics that every installation has."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")


class DatasetError(AffluxError):
    """A data set cannot be declared or changed like this."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One data set.

    Attributes:
        name: also the last part of its keys in the store.
        number: of its topic in positions; never used again.
        enabled: whether what comes from now on is folded into profiles. What was folded stays.
        precedence: of two data sets the greater one wins where a policy asks for precedence.
        ttl_ms: age, in event time, after which a value is not part of profiles any more; 0: never.
        fields: type of each attribute, for record data sets; without any all are taken.
        of: name of the record data set that a data set of patches changes, "" of the others.
            Precedence, time to live and fields are those of that one.
        changed_at: wall clock of the last change, ms; 0 where it was never changed.
    """

    name: Dataset
    kind: Kind
    topic: str
    number: int
    enabled: bool = True
    precedence: int = PLAIN_PRECEDENCE
    ttl_ms: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    changed_at: int = 0
    of: str = ""

    @property
    def rows(self) -> Dataset:
        """Whose rows it is folded into."""
        return Dataset(self.of) if self.of else self.name

    @property
    def contract(self) -> str:
        """Name of the schema of its values."""
        return CONTRACTS[self.kind]

    @property
    def built_in(self) -> bool:
        """Whether every installation has it."""
        return self.number < FIRST_FREE

    def oldest(self, now: int) -> int:
        """Values from this event time or before are not shown at `now`, ms.

        >>> BUILT_IN[1].oldest(10) == NEVER_OLD, replace(BUILT_IN[1], ttl_ms=4).oldest(10)
        (True, 6)
        """
        return now - self.ttl_ms if self.ttl_ms else NEVER_OLD


NEVER_OLD = -(2**62)
"""Event time before every other."""

BUILT_IN: tuple[Declaration, ...] = (
    Declaration(EVENTS, "events", "experience-events", 0),
    Declaration(ATTRIBUTES, "record", "profile-attributes", 1),
    Declaration(PATCHES, "patches", "profile-attribute-patches", 2, of=ATTRIBUTES),
)
"""What every installation has."""


def checked(wanted: Declaration) -> Declaration:
    """The declaration if it can be one. Raises DatasetError.

    >>> checked(Declaration(Dataset("crm"), "record", "crm-records", 3)).contract
    'ProfileAttributes'
    """
    if not _NAME.fullmatch(wanted.name):
        raise DatasetError(
            f"{wanted.name!r} is no name of a data set: small letters, digits, - and _, at most "
            "40, a letter first"
        )
    if not _TOPIC.fullmatch(wanted.topic) or wanted.topic in (".", ".."):
        raise DatasetError(f"{wanted.topic!r} is no name of a topic: letters, digits and ._-")
    if wanted.ttl_ms < 0 or 0 < wanted.ttl_ms < DAY_MS // 24:
        raise DatasetError("a time to live is an hour or more, or 0 for no end")
    if not 0 <= wanted.precedence <= 1_000_000:
        raise DatasetError("a precedence is a whole number from 0 to 1,000,000")
    if wanted.fields and wanted.kind == "events":
        raise DatasetError("an event data set has the fields of ExperienceEvent; declare none")
    if (wanted.kind == "patches") != bool(wanted.of):
        raise DatasetError(
            "a data set of patches, and no other, names the record data set it is of"
        )
    if wanted.of and (wanted.fields or wanted.ttl_ms or wanted.precedence != PLAIN_PRECEDENCE):
        raise DatasetError(
            f"fields, precedence and time to live of patches are those of {wanted.of}"
        )
    for name, kind in wanted.fields.items():
        if not name:
            raise DatasetError("a field has no name")
        if kind not in FIELD_TYPES:
            raise DatasetError(f"field {name}: no type {kind!r}; one of {', '.join(FIELD_TYPES)}")
    return replace(wanted, fields=dict(sorted(wanted.fields.items())))


def misfit(fields: Mapping[str, str], name: str, value: object) -> str:
    """Why a value does not fit the declared fields, "" where it does.

    A whole number fits a field of type double; a boolean fits no number.

    >>> misfit({"tier": "string"}, "tier", "gold"), misfit({"tier": "string"}, "tier", 3)
    ('', '3 is no string')
    """
    if not fields:
        return ""
    kind = fields.get(name)
    if kind is None:
        return "the data set has no such field"
    fits = isinstance(value, FIELD_TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)
    return "" if fits else f"{value!r} is no {kind}"
