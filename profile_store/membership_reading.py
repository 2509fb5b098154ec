"""Stored memberships of a person's identities as one answer."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.audiences.standing import Layouts, StandingError, read
from afflux.names import EpochMs
from profile_store.errors import StoreMisconfigured
from profile_store.installation import Installation
from profile_store.layouts import layout_id
from profile_store.profile import Membership
from profile_store.served import reader_of
from profile_store.stored import Stored


def memberships(
    person: Sequence[Stored], last_event: int, installation: Installation, layouts: Layouts
) -> dict[str, Membership]:
    """Audiences that the person is in, or was. last_event: of all identities, ms.

    Each identity was asked with what was known of all when it was touched; the one that was
    touched last knows most. Raises StoreMisconfigured.
    """
    if all(stored.memberships is None for stored in person):
        return {}
    newest = max(person, key=lambda one: (_last_event(one, installation), one.identity))
    if newest.memberships is None:
        return {}
    try:
        _, since = read(newest.memberships, layouts)
    except StandingError as error:
        raise StoreMisconfigured(str(error)) from None
    return {name: _membership(at, last_event) for name, at in since.items()}


def unknown(people: Sequence[Sequence[Stored]], layouts: Layouts) -> bool:
    """Whether a row is of a layout that is not known here."""
    return any(
        stored.memberships is not None and layout_id(stored.memberships) not in layouts
        for person in people
        for stored in person
    )


def _membership(at: int, last_event: int) -> Membership:
    if at < 0:
        return Membership("exited", EpochMs(-at))
    return Membership("realized" if at >= last_event else "existing", EpochMs(at))


def _last_event(stored: Stored, installation: Installation) -> int:
    if stored.fragment is None:
        return 0
    reader = reader_of(installation.layout(layout_id(stored.fragment)))
    last: int = reader.fragment.one("last_ts", reader.whole(stored.fragment))
    return last
