"""What comes in about audiences."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.problems import Fault, Problem

Attributes = dict[
    Annotated[str, Field(min_length=1, max_length=128)],
    Literal["bool", "int", "double", "string"],
]


class Saved(BaseModel):
    """A rule in CEL. attributes: types of those that it names and that were not declared yet."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rule: str = Field(min_length=1, max_length=10_000)
    attributes: Attributes = {}


class Draft(Saved):
    """A rule to try. people: at most so many identities are asked."""

    people: int = Field(10_000, ge=1, le=100_000)


Body = TypeVar("Body", bound=BaseModel)


def parse(kind: type[Body], body: Any) -> Body:
    """The body as it is meant. Raises a 422 with all that does not fit."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        faults = [
            Fault(one["msg"], "".join(f"/{part}" for part in one["loc"]), one["type"])
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Problem(422, "the body does not fit", faults) from None
