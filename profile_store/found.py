"""What was found of some people, before it is made into profiles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from afflux.catalog import Catalog
from profile_store.assemble import assemble
from profile_store.errors import UnknownLayout
from profile_store.fresh import Fresh
from profile_store.installation import Installation
from profile_store.marks import fresh_mark, mark_of
from profile_store.profile import Profile
from profile_store.selection import Selection
from profile_store.stored import Stored

Known = tuple[Installation, Catalog]
"""What rows are read by."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of some people, as one moment had them; making profiles of them costs more than that."""

    people: Sequence[Sequence[Stored]]
    known: Known
    selection: Selection
    at: int | None
    learn: Callable[[], Awaitable[Known]]
    """Reads the installation again."""
    fresh: Fresh | None = None
    """Set where scores are made anew."""

    def marks(self) -> list[str]:
        """One a person: as long as it is the same, so is the profile of the same selection.

        Of a fresh profile it changes with its time and with every snapshot, too.
        """
        marks = [mark_of(person, self.known[0].current) for person in self.people]
        if self.fresh is None:
            return marks
        return [
            fresh_mark(mark, now, self.fresh.versions)
            for mark, now in zip(marks, self.fresh.now, strict=True)
        ]

    async def profiles(self) -> list[Profile | None]:
        """One a person, None where nothing is known. Raises UnknownLayout, StoreError."""
        try:
            return assemble(self.people, *self.known, self.selection, self.at, self.fresh)
        except UnknownLayout:  # of a worker that is newer than what we know
            return assemble(self.people, *await self.learn(), self.selection, self.at, self.fresh)
