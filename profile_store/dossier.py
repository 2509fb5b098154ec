"""Everything that is stored of one person, readable: for whoever asks what is kept of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from afflux.audiences.standing import Layouts, StandingError, read
from afflux.catalog import Catalog
from afflux.interests.reading import everything
from afflux.names import EVENTS, Identity
from afflux.rows import RowError
from profile_store.errors import StoreMisconfigured, UnknownLayout
from profile_store.found import Found, Known
from profile_store.installation import Installation
from profile_store.layouts import decode, layout_id
from profile_store.places import Places
from profile_store.short_floats import short_floats
from profile_store.stored import Stored
from profile_store.timelines import stored_events


async def dossier(
    found: Found, places: Sequence[Places], timelines: Sequence[tuple[Identity, Sequence[bytes]]]
) -> dict[str, Any] | None:
    """The profile of a person, and every row of each of their identities.

    found: of one person, with all fields. places, timelines: of their identities, in the same
    order. None where nothing is known. Raises UnknownLayout, StoreError.
    """
    (profile,) = await found.profiles()
    (person,) = found.people
    try:
        kept = [_identity(stored, found.known, found.audiences) for stored in person]
    except UnknownLayout:
        known = await found.learn()
        kept = [_identity(stored, known, found.audiences) for stored in person]
    for one, named, (identity, events) in zip(kept, places, timelines, strict=True):
        one.update(_named(named))
        if events:
            one["timeline"] = stored_events(identity, events)
    if profile is None and not any(len(one) > 1 for one in kept):
        return None
    return {"profile": None if profile is None else profile.to_dict(), "identities": kept}


def _identity(stored: Stored, known: Known, audiences: Layouts) -> dict[str, Any]:
    """Only what there is: an identity of which nothing is kept has its name alone."""
    installation, catalog = known
    parts: dict[str, Any] = {"identity": stored.identity.decode("utf-8", "backslashreplace")}
    if stored.fragment is not None:
        parts["fragments"] = [_fragment(stored.fragment, installation, catalog)]
    if stored.attributes:
        parts["attributes"] = [
            {"dataset": dataset, **json.loads(data)} for dataset, data in stored.attributes
        ]
    if len(stored.edges):
        parts["links"] = [
            {
                "other": other.decode("utf-8", "backslashreplace"),
                "since": edge.timestamp,
                "by_event": edge.event_id,
                "state": "linked" if edge.live else "unlinked",
            }
            for other, edge in stored.edges
        ]
    if stored.served is not None:
        layout = installation.layout(layout_id(stored.served))
        size = layout.served.itemsize
        row = decode([stored.served[:size]], layout.served)
        parts["served"] = {
            "models": [model.name for model in layout.models],
            "event_id": stored.served[size:].decode("utf-8", "replace"),
            **_fields(row),
        }
    if stored.interests:
        parts["interests"] = _interests(stored.interests)
    if stored.memberships:
        parts["memberships"] = _memberships(stored.memberships, audiences)
    return parts


def _interests(row: bytes) -> dict[str, Any]:
    """Every thing of the row, also those that a profile does not show."""
    try:
        return everything(row)
    except RowError as error:
        raise StoreMisconfigured(f"stored interests are damaged: {error}") from None


def _memberships(row: bytes, layouts: Layouts) -> dict[str, Any]:
    """ask_at: when rules are asked again if nothing happens, ms; None: not before an event."""
    try:
        ask, since = read(row, layouts)
    except StandingError as error:
        raise StoreMisconfigured(str(error)) from None
    return {
        "ask_at": ask or None,
        "audiences": {
            name: {"inside": at > 0, "last_qualification_time": abs(at)}
            for name, at in since.items()
        },
    }


def _named(places: Places) -> dict[str, Any]:
    """Only what there is."""
    parts: dict[str, Any] = {}
    if places.next_look is not None:
        parts["next_look"] = places.next_look
    if places.listed_in:
        parts["listed_in"] = list(places.listed_in)
    if places.announced:
        parts["announced"] = True
    return parts


def _fragment(data: bytes, installation: Installation, catalog: Catalog) -> dict[str, Any]:
    """features: as the models see them. state: every field of the row, as it is stored."""
    layout = installation.layout(layout_id(data))
    row = decode([data], layout.fragment)
    rows = layout.decode_fragments([data], catalog)
    values = short_floats(catalog.matrix(rows, rows["last_ts"])[0])
    return {
        "dataset": EVENTS,
        "features": dict(zip(catalog.features, values, strict=True)),
        "state": _fields(row),
    }


def _fields(row: np.ndarray[Any, np.dtype[np.void]]) -> dict[str, Any]:
    return {name: _plain(row[name][0].tolist()) for name in row.dtype.names or ()}


def _plain(value: Any) -> Any:
    """JSON has no NaN: it stands for what was never served."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
