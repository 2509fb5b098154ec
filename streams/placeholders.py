"""Identities that stand for nobody: "null", "undefined", as trackers send them for want of better.

Everybody who has one would be one person. The words are a setting; upper case and a capital are the
same words.
"""

from __future__ import annotations

from functools import lru_cache

from afflux.codes import Code
from afflux.findings import escape
from streams.avro_faults import Fault
from streams.event_columns import DecodedEvents


def placeholders(events: DecodedEvents, words: frozenset[str]) -> dict[int, Fault]:
    """Row -> its first identity that is one of these words. One look at a set, usually."""
    if not words:
        return {}
    forbidden = _forbidden(tuple(events.candidates.namespaces), words)
    if forbidden.isdisjoint(events.names):
        return {}
    found: dict[int, Fault] = {}
    rows, ranks = events.candidates.identity_row, events.candidates.identity_rank
    for k, name in enumerate(events.names):
        if name in forbidden:
            space, _, id = name.decode().partition(":")
            message = f"{id} stands for nobody (AFFLUX_LIMITS_PLACEHOLDERS)"
            pointer = f"/identityMap/{escape(space)}/{ranks[k]}/id"
            found.setdefault(int(rows[k]), Fault(Code.placeholder_identity, pointer, message))
    return found


@lru_cache(maxsize=256)
def _forbidden(namespaces: tuple[str, ...], words: frozenset[str]) -> frozenset[bytes]:
    forms = {form for w in words for form in (w.lower(), w.upper(), w.capitalize())}
    return frozenset(f"{space}:{form}".encode() for space in namespaces for form in forms)
