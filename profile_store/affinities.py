"""What a person is interested in, of the stored rows of all their identities."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.interests.reading import Interest, interests_at
from afflux.mentions import Subject
from afflux.rows import RowError
from profile_store.errors import StoreMisconfigured
from profile_store.profile import Affinity
from profile_store.selection import Selection
from profile_store.stored import Stored

KINDS: dict[str, Subject] = {
    "categories": Subject.CATEGORY,
    "products": Subject.PRODUCT,
    "pages": Subject.PAGE,
    "sections": Subject.SECTION,
    "tags": Subject.TAG,
}


MOST = 20
"""Things of a kind in a profile; rows hold more."""


def affinities(
    person: Sequence[Stored], at: int, selection: Selection
) -> dict[str, tuple[Affinity, ...]]:
    """By kind, each of them, even if nothing is known; only what was asked for.

    Raises StoreMisconfigured for a damaged row.
    """
    if not selection.wants("affinities"):
        return {}
    try:
        rows = [(stored.identity, stored.interests) for stored in person]
        found = interests_at(rows, at, [MOST] * len(Subject))
    except RowError as error:
        raise StoreMisconfigured(f"stored interests are damaged: {error}") from None
    return {
        kind: tuple(map(_affinity, found[subject]))
        for kind, subject in selection.only("affinities", KINDS).items()
    }


def _affinity(thing: Interest) -> Affinity:
    return Affinity(
        thing.id, thing.name, thing.score, round(thing.share, 4), round(thing.weight, 4)
    )
