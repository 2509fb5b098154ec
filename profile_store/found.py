"""What was found of some people, before it is made into profiles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from afflux.attributes import Value
from afflux.audiences.standing import Layouts
from afflux.catalog import Catalog
from profile_store.assemble import PLAIN_READING, assemble, attributes_of
from profile_store.errors import UnknownLayout
from profile_store.fresh import Fresh
from profile_store.installation import Installation
from profile_store.marks import fresh_mark, mark_of, reading_mark
from profile_store.profile import Profile
from profile_store.selection import Selection
from profile_store.stored import Reading, Stored

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
    audiences: Layouts = field(default_factory=dict)
    """By layout of stored memberships."""
    fresh: Fresh | None = None
    """Set where scores are made anew."""
    reading: Reading = field(default_factory=Reading)

    def marks(self) -> list[str]:
        """One a person: as long as it is the same, so is the profile of the same selection.

        Of a fresh profile it changes with its time and with every snapshot, too.
        """
        marks = [mark_of(person, self.known[0].current) for person in self.people]
        reading = self.reading
        if reading.policy != PLAIN_READING.policy or reading.ordering != PLAIN_READING.ordering:
            words = repr((reading.policy, sorted(reading.ordering.ranks.items())))
            shown = [self._shown(p) for p in range(len(marks))]
            marks = [reading_mark(m, words, s) for m, s in zip(marks, shown, strict=True)]
        if self.fresh is None:
            return marks
        return [
            fresh_mark(mark, now, self.fresh.versions)
            for mark, now in zip(marks, self.fresh.now, strict=True)
        ]

    def _shown(self, p: int) -> dict[str, Value]:
        """Attributes of a person that are not too old by now; {} where none grows old."""
        ordering, now = self.reading.ordering, self.reading.now
        return attributes_of(self.people[p], ordering, now[p]) if ordering.ttl_ms and now else {}

    async def profiles(self) -> list[Profile | None]:
        """One a person, None where nothing is known. Raises UnknownLayout, StoreError."""
        try:
            return self._assembled(self.known)
        except UnknownLayout:  # of a worker that is newer than what we know
            return self._assembled(await self.learn())

    def _assembled(self, known: Known) -> list[Profile | None]:
        return assemble(
            self.people, *known, self.selection, self.at, self.audiences, self.fresh, self.reading
        )
