"""What a lookup of many people asks for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.problems import Fault, Problem

NAMESPACE = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
FIELD = (
    r"(?:attributes|engagement|features|scores|affinities|audiences|open_examples|cluster)"
    r"(?:\.[A-Za-z0-9_.-]{1,128})?"
)
POLICY = r"^[a-z][a-z0-9_-]{0,39}$"
LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""


class Person(BaseModel):
    """One identity."""

    model_config = ConfigDict(extra="forbid", strict=True)

    namespace: str = Field(pattern=NAMESPACE)
    id: str = Field(min_length=1)


class Lookup(BaseModel):
    """Whose profiles, and what of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    people: list[Person] = Field(min_length=1)
    fields: list[Annotated[str, Field(pattern=rf"^{FIELD}$")]] | None = Field(None, min_length=1)
    at: int | None = Field(None, ge=0, le=LAST_MS)
    fresh: bool = False
    merge_policy: str | None = Field(None, pattern=POLICY)


def parse_lookup(body: Any) -> Lookup:
    """The lookup that a body asks for. Raises a 422 with all that does not fit."""
    try:
        return Lookup.model_validate(body)
    except ValidationError as error:
        faults = [
            Fault(one["msg"], "".join(f"/{part}" for part in one["loc"]), one["type"])
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Problem(422, "the body does not fit", faults) from None
