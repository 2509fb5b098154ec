"""Schemas of one's own: the core of a contract, some of its field groups, and own fields.

What comes out is an additive version of the contract, so workers read it: fields of the contract
stay in its order, own ones come last and have a default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas import load

Kind = Literal["event", "record"]
CONTRACTS: Mapping[Kind, str] = {"event": "ExperienceEvent", "record": "ProfileAttributes"}
GROUPS: Mapping[Kind, Mapping[str, Sequence[str]]] = {
    "event": {
        "commerce": ("commerce", "productListItems"),
        "web": ("web",),
        "device": ("device",),
        "marketing": ("marketing",),
        "custom": ("custom",),
    },
    "record": {"attributes": ("attributes",)},
}
"""Field groups that ship, and the fields that each brings; the other fields are the core."""

_TYPES = ("string", "long", "double", "boolean")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class CompositionError(ValueError):
    """A group or a field that cannot be."""


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field of one's own. type: string, long, double or boolean; with [] a list of them."""

    name: str
    type: str
    doc: str = ""

    @staticmethod
    def parse(text: str) -> OwnField:
        """From NAME:TYPE or NAME:TYPE:DOC. Raises CompositionError.

        >>> OwnField.parse("plan:string:The plan that they pay for")
        OwnField(name='plan', type='string', doc='The plan that they pay for')
        """
        name, _, rest = text.partition(":")
        kind, _, doc = rest.partition(":")
        if not _NAME.fullmatch(name):
            raise CompositionError(
                f"{name!r} is no name of a field: a letter or _, then letters, digits and _"
            )
        if kind.removesuffix("[]") not in _TYPES:
            raise CompositionError(
                f"field {name!r}: {kind!r} is no type; there are {', '.join(_TYPES)}, and lists "
                "such as string[]"
            )
        return OwnField(name, kind, doc)


def compose(kind: Kind, groups: Sequence[str], own: Sequence[OwnField], doc: str = "") -> str:
    """The text of the schema. Raises CompositionError for an unknown group or a name twice.

    >>> [f["name"] for f in json.loads(compose("record", [], []))["fields"]]
    ['timestamp', 'identityMap']
    """
    known = GROUPS[kind]
    for group in groups:
        if group not in known:
            raise CompositionError(f"there is no field group {group!r}: {', '.join(known)}")
    contract: dict[str, Any] = json.loads(load(CONTRACTS[kind]).json)
    of_groups = {name for fields in known.values() for name in fields}
    wanted = {name for group in groups for name in known[group]}
    fields = [f for f in contract["fields"] if f["name"] in wanted or f["name"] not in of_groups]
    taken = {f["name"] for f in contract["fields"]}
    for field in own:
        if field.name in taken:
            raise CompositionError(
                f"a field {field.name!r} is there already, in the contract or among your own"
            )
        taken.add(field.name)
        fields.append(_own(field))
    made = {**contract, "doc": doc or contract["doc"], "fields": fields}
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _own(field: OwnField) -> dict[str, Any]:
    doc = {"doc": field.doc} if field.doc else {}
    if field.type.endswith("[]"):
        kind: Any = {"type": "array", "items": field.type.removesuffix("[]")}
        return {"name": field.name, "type": kind, **doc, "default": []}
    return {"name": field.name, "type": ["null", field.type], **doc, "default": None}
