"""Which columns of a file are what: a YAML file, checked key by key."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from afflux.columns import KIND_OF_EVENT_TYPE
from launcher.evaluation.errors import MappingError

Format = Literal["csv", "parquet", "jsonl"]
_NAMESPACE = r"^[A-Za-z][A-Za-z0-9_-]*$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class IdentityColumn(_Part):
    """Who it was."""

    column: str
    namespace: str = Field(default="customer", pattern=_NAMESPACE)


class TimeColumn(_Part):
    """When it was. format: "iso", "epoch_s", "epoch_ms", or one or more of strptime's."""

    column: str
    format: str | list[str] = "iso"
    zone: str | None = None
    """Of times that name none, such as UTC or Europe/Berlin."""

    @property
    def formats(self) -> list[str]:
        """One or more."""
        return [self.format] if isinstance(self.format, str) else self.format

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"{zone!r} is no time zone; UTC and Europe/Berlin are") from error
        return zone

    @model_validator(mode="after")
    def _formats_that_differ(self) -> TimeColumn:
        orders = {_order(f) for f in self.formats if "%" in f}
        if {"dm", "md"} <= orders:
            raise ValueError("day before month and month before day cannot be told apart")
        plain = [f for f in self.formats if "%" not in f]
        if len(self.formats) > 1 and any(f != "iso" for f in plain):
            raise ValueError("epoch_s and epoch_ms stand alone")
        if any(f not in ("iso", "epoch_s", "epoch_ms") for f in plain):
            raise ValueError(
                f"{plain[0]!r} is no format: iso, epoch_s, epoch_ms, or such as %d.%m.%Y %H:%M"
            )
        return self


class EventColumn(_Part):
    """What it was: the same type for all rows, or a column with names for its values."""

    type: str | None = None
    column: str | None = None
    types: dict[str, str] = {}
    """Value of the column -> event type."""
    other: Literal["stop", "skip", "keep"] = "stop"
    """Rows of a type that is not mapped: stop, leave them out, or count them as other events."""

    @model_validator(mode="after")
    def _one_of_both(self) -> EventColumn:
        if (self.type is None) == (self.column is None):
            raise ValueError("give either `type`, the same for all rows, or `column`")
        return self

    def check_types(self, named: Collection[str]) -> None:
        """Types may be any, but not by mistake; `named` is what models name. MappingError."""
        key, names = (
            ("event.type", [self.type])
            if self.type is not None
            else ("event.types", list(self.types.values()))
        )
        for name in map(str, names):
            if name in KIND_OF_EVENT_TYPE or name in named:
                continue
            near = difflib.get_close_matches(name, KIND_OF_EVENT_TYPE, 1, 0.8)
            if near or "." not in name:
                hint = f"; did you mean {near[0]}?" if near else ""
                raise MappingError(
                    f"the mapping is wrong:\n  `{key}`: {name!r} is no event type{hint}",
                    hint=f"known are {', '.join(KIND_OF_EVENT_TYPE)}, and every type that an "
                    "outcome names",
                )


class ItemColumns(_Part):
    """What was bought, where a row is a line of a purchase."""

    category: str | None = None
    product: str | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> ItemColumns:
        if self.category is None and self.product is None:
            raise ValueError("name the column of `category`, of `product`, or both")
        return self


class CampaignColumns(_Part):
    """What the event is due to. coupon: the code that was redeemed."""

    name: str | None = None
    group: str | None = None
    code: str | None = None
    coupon: str | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> CampaignColumns:
        if not any((self.name, self.group, self.code, self.coupon)):
            raise ValueError("name the column of `name`, `group`, `code` or `coupon`")
        return self


class OpeningRule(_Part):
    """Which events open examples, where it is not the rule that is served."""

    gap: str = "0h"
    """Least time between two openings of a person."""
    of: list[str] = []
    """Event types that open; all if none is named."""


class Mapping(_Part):
    """All of it."""

    identity: IdentityColumn
    time: TimeColumn
    event: EventColumn
    id: str | None = None
    """Column that names an event; a repeat of it is a duplicate."""
    transaction: str | None = None
    """Column whose value the items of one purchase share: they become one event."""
    amount: str | None = None
    amount_is: Literal["total", "each"] = "total"
    """Whether the amount is that of the row, or the price of each of its `quantity`."""
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    quantity: str | None = None
    items: ItemColumns | None = None
    """What next-basket models are about."""
    campaign: CampaignColumns | None = None
    format: Format | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    negative: Literal["stop", "skip", "zero"] = "stop"
    """Amounts and quantities below zero."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Rows that are alike in everything, where no column names events."""
    order: Literal["time", "file"] = "time"
    """Sort by time, or replay as the file stands, late events and all."""
    openings: Literal["served", "every"] | OpeningRule = "served"
    models: dict[str, str] = {}
    """Name -> outcome in words."""

    @model_validator(mode="after")
    def _one_name(self) -> Mapping:
        if self.id is not None and self.transaction is not None:
            raise ValueError("give either `id` or `transaction`, which names the event as well")
        return self

    @model_validator(mode="after")
    def _price_with_quantity(self) -> Mapping:
        if self.amount_is == "each" and (self.amount is None or self.quantity is None):
            raise ValueError("`amount_is: each` needs the columns of `amount` and of `quantity`")
        return self

    @property
    def columns(self) -> dict[str, str]:
        """Key of the mapping -> column of the file."""
        items = self.items or ItemColumns.model_construct()
        campaign = self.campaign or CampaignColumns.model_construct()
        found = {
            "identity.column": self.identity.column, "time.column": self.time.column,
            "event.column": self.event.column, "id": self.id, "transaction": self.transaction,
            "amount": self.amount, "quantity": self.quantity,
            "items.category": items.category, "items.product": items.product,
            "campaign.name": campaign.name, "campaign.group": campaign.group,
            "campaign.code": campaign.code, "campaign.coupon": campaign.coupon,
        }  # fmt: skip
        return {key: column for key, column in found.items() if column is not None}


def load(path: Path) -> Mapping:
    """The mapping in a file. Raises MappingError that names the key."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(f"the mapping {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MappingError(f"the mapping {path} is not UTF-8") from None
    except yaml.YAMLError as error:
        raise MappingError(f"the mapping {path} is no YAML: {_one_line(error)}") from None
    if not isinstance(content, dict):
        raise MappingError(
            f"the mapping {path} has no keys", hint="see docs/evaluate.md for an example"
        )
    return check(content, str(path))


def check(content: MappingOf[str, Any], name: str) -> Mapping:
    """The mapping from what YAML says. Raises MappingError with every key that is wrong."""
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        lines = [_tell(e["loc"], e["type"], e["msg"]) for e in error.errors()]
        raise MappingError(
            f"the mapping {name} is wrong:\n" + "\n".join(f"  {line}" for line in lines),
            hint="docs/evaluate.md describes every key",
        ) from None


def _tell(place: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(p) for p in place if p not in ("OpeningRule",)) or "(whole)"
    if kind == "missing":
        return f"`{key}` is missing"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _keys(), 1)
        return f"`{key}` is no key" + (f"; did you mean `{near[0]}`?" if near else "")
    return f"`{key}`: {message.removeprefix('Value error, ')}"


def _keys() -> list[str]:
    parts = (
        Mapping, IdentityColumn, TimeColumn, EventColumn, ItemColumns, CampaignColumns,
        OpeningRule,
    )  # fmt: skip
    return sorted({name for part in parts for name in part.model_fields})


def _order(form: str) -> str:
    """Which of day and month comes first in a strptime format.

    >>> _order("%d.%m.%Y"), _order("%m/%d/%y"), _order("%Y-%m-%d")
    ('dm', 'md', '')
    """
    day, month, year = (max(form.find(f"%{c}") for c in letters) for letters in ("d", "mbB", "yY"))
    if min(day, month) < 0 or 0 <= year < min(day, month):
        return ""
    return "dm" if day < month else "md"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


FORMATS: tuple[str, ...] = get_args(Format)
