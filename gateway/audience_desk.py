"""What people do with audiences, for the HTTP API and the command line alike."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from afflux.audiences.preview import preview
from afflux.audiences.program import Frame, Program
from afflux.audiences.vocabulary import Vocabulary
from afflux.catalog import Catalog
from afflux.names import AffluxError, Identity
from audience_rules import compile_rules
from profile_store.audience_definitions import Definitions
from profile_store.audience_store import AudienceStore, Swept

EXAMPLES = 10
"""People that a preview names."""

DRAFT = "preview"
"""What a rule without a name is called."""


class CursorError(AffluxError):
    """Not a cursor that a page of members came with."""


class AudienceReader(Protocol):
    """What this needs of a store; `AsyncProfileStore` is one."""

    async def audience_store(self) -> AudienceStore:
        """Definitions and members."""
        ...

    async def catalog(self) -> Catalog:
        """Features and models of the rows that workers write now."""
        ...

    def frames(self, most: int) -> AsyncIterator[tuple[Sequence[Identity], Frame]]:
        """People as rules are asked of them."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """Some members, and where to go on; None at the end."""

    members: Sequence[Identity]
    next: str | None


class AudienceDesk:
    """Saves, shows and previews."""

    def __init__(self, reader: AudienceReader) -> None:
        self._reader = reader

    async def save(
        self, name: str, rule: str, attributes: Mapping[str, str], now: int
    ) -> Definitions:
        """Save a rule; workers ask it from the next second on. now: wall clock, ms.

        Raises RuleError with the place where the rule, or another that names it, does not fit;
        DefinitionError for a name or a type that is none.
        """
        shelf, catalog = await self._reader.audience_store(), await self._reader.catalog()
        while True:
            found = await shelf.definitions()
            before = Definitions.decode(found)
            wanted = before.with_rule(name, rule, attributes, now)
            if (wanted.rules, wanted.attributes) == (before.rules, before.attributes):
                return before
            await _program(wanted, catalog)
            if await shelf.swap_definitions(found, wanted.encode()):
                return wanted

    async def delete(self, name: str) -> Definitions:
        """Delete an audience; its members leave it.

        Raises DefinitionError, and RuleError where another audience names it.
        """
        shelf, catalog = await self._reader.audience_store(), await self._reader.catalog()
        while True:
            found = await shelf.definitions()
            wanted = Definitions.decode(found).without(name)
            await _program(wanted, catalog)
            if await shelf.swap_definitions(found, wanted.encode()):
                return wanted

    async def all(self) -> dict[str, Any]:
        """Every audience, by name."""
        shelf = await self._reader.audience_store()
        definitions = Definitions.decode(await shelf.definitions())
        counts = await shelf.counts(list(definitions.audiences))
        swept = await shelf.swept(range(shelf.shards))
        return {
            "version": definitions.version,
            "audiences": [
                _shown(name, definitions, counts[name], swept) for name in definitions.audiences
            ],
        }

    async def one(self, name: str) -> dict[str, Any] | None:
        """One audience; None where there is none of this name."""
        shelf = await self._reader.audience_store()
        definitions = Definitions.decode(await shelf.definitions())
        if name not in definitions.audiences:
            return None
        counts = await shelf.counts([name])
        return _shown(name, definitions, counts[name], await shelf.swept(range(shelf.shards)))

    async def members(self, name: str, limit: int, cursor: str | None = None) -> Page | None:
        """At most `limit` identities in a fixed order, and where to go on.

        None where there is no such audience. Raises CursorError.
        """
        after = None if cursor is None else _place(cursor)
        shelf = await self._reader.audience_store()
        if name not in Definitions.decode(await shelf.definitions()).audiences:
            return None
        found = await shelf.members(name, limit, after)
        more = len(found) == limit
        return Page([i for _, i in found], _cursor(*found[-1]) if found and more else None)

    async def overlap(self, one: str, other: str) -> int | None:
        """Identities that are in both; None where there is no such audience."""
        shelf = await self._reader.audience_store()
        if not {one, other} <= Definitions.decode(await shelf.definitions()).audiences.keys():
            return None
        return await shelf.overlap(one, other)

    async def preview(
        self, rule: str, attributes: Mapping[str, str], most: int, name: str = DRAFT
    ) -> dict[str, Any]:
        """What a rule would do, of at most so many people as they are now; nothing is kept.

        Raises RuleError, DefinitionError.
        """
        shelf, catalog = await self._reader.audience_store(), await self._reader.catalog()
        found = Definitions.decode(await shelf.definitions())
        program = await _program(found.with_rule(name, rule, attributes, 0), catalog)
        asked = inside = undecided = timed = 0
        examples: list[str] = []
        async for identities, frame in self._reader.frames(most):
            some = preview(program, name, frame, EXAMPLES - len(examples))
            asked, inside = asked + some.asked, inside + some.inside
            undecided, timed = undecided + some.undecided, timed + some.timed
            examples += [identities[row].decode() for row in some.some]
        return {
            "asked": asked, "inside": inside, "share": inside / asked if asked else 0.0,
            "undecided": undecided, "timed": timed, "examples": examples,
        }  # fmt: skip


async def _program(definitions: Definitions, catalog: Catalog) -> Program:
    words = Vocabulary.of_catalog(catalog, definitions.types)
    # The parser takes half a second when it is first made; others are answered meanwhile.
    return await asyncio.to_thread(compile_rules, definitions.rules, words)


def _shown(
    name: str, definitions: Definitions, members: int, swept: Sequence[Swept]
) -> dict[str, Any]:
    one = definitions.audiences[name]
    done = sum(s.done and s.version >= one.version for s in swept)
    asked = sum(s.people for s in swept if s.version >= one.version)
    return {
        "name": name,
        "rule": one.rule,
        "saved_at": one.saved_at,
        "members": members,
        "back_fill": {"asked": asked, "shards_done": done, "shards": len(swept)},
    }


def _cursor(shard: int, identity: Identity) -> str:
    return base64.urlsafe_b64encode(b"%d:%s" % (shard, identity)).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, Identity]:
    """Raises CursorError."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        shard, colon, identity = data.partition(b":")
        if not (colon and shard.isdigit() and len(shard) < 6):
            raise ValueError
        return int(shard), Identity(identity)
    except (ValueError, binascii.Error):
        raise CursorError("no page of members came with this cursor") from None
