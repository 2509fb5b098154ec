"""Which fields of a profile a reader asks for: dotted names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

FIELDS = (
    "attributes", "engagement", "features", "scores", "affinities", "audiences", "open_examples",
    "cluster",
)  # fmt: skip
"""What can be asked for; profile_id, identities and as_of always come, opted_out where it is so."""

_ALWAYS = ("profile_id", "identities", "as_of")
_WHERE_SO = "opted_out"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """Dotted names; a field without names below it is wanted whole. None: everything."""

    names: tuple[tuple[str, ...], ...] | None = None

    @staticmethod
    def of(names: Iterable[str] | None) -> Selection:
        """From names such as "scores.churn". Raises ValueError for an unknown first part.

        >>> Selection.of(["scores.churn"]).wants("attributes")
        False
        """
        if names is None:
            return EVERYTHING
        parts = tuple(tuple(name.split(".")) for name in names)
        for first, *_ in parts:
            if first not in FIELDS and first not in _ALWAYS:
                raise ValueError(f"a profile has no field {first!r}; it has {', '.join(FIELDS)}")
        return Selection(parts)

    def wants(self, field: str) -> bool:
        """Whether anything of a field is wanted."""
        return self.names is None or any(name[0] == field for name in self.names)

    def only(self, field: str, content: Mapping[str, T]) -> dict[str, T]:
        """What is wanted of the content of a field.

        >>> Selection.of(["scores.churn.value"]).only("scores", {"churn": 1, "churn2": 2})
        {'churn': 1}
        """
        mine = [".".join(name[1:]) for name in self.names or () if name[0] == field]
        if self.names is None or "" in mine:
            return dict(content)
        return {
            key: value
            for key, value in content.items()
            if any(name == key or name.startswith(f"{key}.") for name in mine)
        }

    def pick(self, whole: Mapping[str, Any]) -> dict[str, Any]:
        """What is wanted of a nested dict."""
        if self.names is None:
            return dict(whole)
        picked = {name: whole[name] for name in _ALWAYS}
        if whole[_WHERE_SO] is not None:
            picked[_WHERE_SO] = whole[_WHERE_SO]
        if self.wants("features"):
            picked["at"] = whole["at"]
        for name in self.names:
            if name[0] not in _ALWAYS:
                _copy(whole, picked, name)
        return picked


EVERYTHING = Selection()


def _copy(source: Any, target: dict[str, Any], name: tuple[str, ...]) -> None:
    if not isinstance(source, Mapping):
        return
    whole = ".".join(name)  # names of attributes may have dots
    first = whole if whole in source else name[0]
    if first == whole or not isinstance(source.get(first), Mapping):
        if first in source:
            target[first] = source[first]
        return
    _copy(source[first], target.setdefault(first, {}), name[1:])
