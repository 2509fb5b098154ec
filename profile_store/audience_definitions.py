"""Which audiences there are: one record for all, for they may name each other.

It is replaced as a whole, so whoever reads it has rules that fit each other, under one version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from afflux.audiences.standing import layout_of
from afflux.audiences.typed import Type
from afflux.names import AffluxError
from profile_store.errors import StoreMisconfigured

FORMAT = 1

ATTRIBUTE_TYPES: Mapping[str, Type] = {
    t.value: t for t in (Type.BOOL, Type.INT, Type.DOUBLE, Type.STRING)
}
"""Types that an attribute may be declared with."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class DefinitionError(AffluxError):
    """An audience cannot be defined like this."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One audience."""

    rule: str
    """CEL, as it was written."""
    saved_at: int
    """Wall clock, ms."""
    version: int
    """Of the set that this rule came with."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """All audiences, by name in order.

    Attributes:
        version: one more with every change.
        attributes: declared types of the attributes that rules name.
        layouts: audiences of every layout of memberships that there ever was.
    """

    version: int = 0
    audiences: Mapping[str, Definition] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    layouts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rules(self) -> dict[str, str]:
        """Rule of each audience."""
        return {name: one.rule for name, one in self.audiences.items()}

    @property
    def types(self) -> dict[str, Type]:
        """Type of each declared attribute."""
        return {name: ATTRIBUTE_TYPES[kind] for name, kind in self.attributes.items()}

    def with_rule(
        self, name: str, rule: str, attributes: Mapping[str, str], now: int
    ) -> Definitions:
        """With a new or another rule. Raises DefinitionError. Whether the rules fit is not asked.

        >>> one = Definitions().with_rule("adults", "attributes.age >= 18", {"age": "int"}, 5)
        >>> one.version, one.rules, Definitions.decode(one.encode()) == one
        (1, {'adults': 'attributes.age >= 18'}, True)
        """
        if not _NAME.fullmatch(name):
            raise DefinitionError(
                f"{name!r} is no name of an audience: letters, digits and _, at most 64, no digit "
                "first"
            )
        saved = Definition(rule, now, self.version + 1)
        return self._next(
            {**self.audiences, name: saved}, {**self.attributes, **_checked(attributes)}
        )

    def without(self, name: str) -> Definitions:
        """Without an audience. Raises DefinitionError where there is none."""
        if name not in self.audiences:
            known = ", ".join(self.audiences) or "none"
            raise DefinitionError(f"there is no audience {name}; there are: {known}")
        left = {other: one for other, one in self.audiences.items() if other != name}
        return self._next(left, self.attributes)

    def _next(
        self, audiences: Mapping[str, Definition], attributes: Mapping[str, str]
    ) -> Definitions:
        ordered = dict(sorted(audiences.items()))
        names = tuple(ordered)
        layouts = {**self.layouts, layout_of(names): names}
        return replace(
            self, version=self.version + 1, audiences=ordered, attributes=attributes,
            layouts=layouts,
        )  # fmt: skip

    def encode(self) -> bytes:
        """Canonical JSON."""
        content = {
            "format": FORMAT,
            "version": self.version,
            "audiences": {
                name: {"rule": one.rule, "saved_at": one.saved_at, "version": one.version}
                for name, one in self.audiences.items()
            },
            "attributes": dict(self.attributes),
            "layouts": {f"{layout:016x}": names for layout, names in self.layouts.items()},
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> Definitions:
        """From the stored form; b"" is none. Raises StoreMisconfigured."""
        if not data:
            return Definitions()
        try:
            content: Any = json.loads(data)
            if content["format"] != FORMAT:
                raise StoreMisconfigured(
                    f"audiences were defined by a newer Afflux (format {content['format']})"
                )
            return Definitions(
                content["version"],
                {name: Definition(**one) for name, one in sorted(content["audiences"].items())},
                _checked(content["attributes"]),
                {int(layout, 16): tuple(names) for layout, names in content["layouts"].items()},
            )
        except (ValueError, KeyError, TypeError, DefinitionError) as error:
            raise StoreMisconfigured(
                f"the definitions of audiences are damaged: {error!r}"
            ) from None


class DefinitionStore(Protocol):
    """Where the record is kept."""

    async def definitions(self) -> bytes:
        """The stored record, b"" if there is none."""
        ...

    async def swap_definitions(self, found: bytes, wanted: bytes) -> bool:
        """Replace what was `found` (b"" for none); False if it is another by now."""
        ...


def _checked(attributes: Mapping[str, str]) -> dict[str, str]:
    for name, kind in attributes.items():
        if kind not in ATTRIBUTE_TYPES:
            raise DefinitionError(
                f"attribute {name}: no type {kind!r}; possible here: {', '.join(ATTRIBUTE_TYPES)}"
            )
    return dict(sorted(attributes.items()))
