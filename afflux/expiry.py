"""What is forgotten of people who stay away: whole rows, or only their scores.

A row expires when W has passed its last event by its lifetime. Like closings that happens before
the record at o folds, by W(o), so it is of the log alone: whoever comes back a moment later starts
anew, whatever batch that was in. Rows with open examples wait for them; rows with live links belong
to a larger profile and stay; so do tombstones, which replays must meet, and words on consent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from afflux.columns import I64
from afflux.features.contract import Fields
from afflux.limits import Expiry
from afflux.names import Identity
from afflux.openings import close
from afflux.outcomes import NEVER
from afflux.segments import every, filled
from afflux.workspace import Stretch, Workspace


def lifetimes(settings: Expiry, identities: Sequence[Identity]) -> I64 | None:
    """Of each identity, NEVER where it has none; None where nothing ever expires.

    >>> who = [Identity(b"ECID:1"), Identity(b"crm:1")]
    >>> lifetimes(Expiry(9, 5, ("ECID",)), who).tolist(), lifetimes(Expiry(), who)
    ([5, 9], None)
    """
    if not (settings.profile_ms or (settings.pseudonymous_ms and settings.pseudonymous)):
        return None
    life = filled(len(identities), settings.profile_ms or NEVER)
    if settings.pseudonymous_ms:
        prefixes = tuple(f"{name}:".encode() for name in settings.pseudonymous)
        short = [r for r, identity in enumerate(identities) if identity.startswith(prefixes)]
        life[short] = np.minimum(life[short], settings.pseudonymous_ms)
    return life


def expires(lifetime: I64, closing: I64, rows: Fields) -> I64:
    """When each row expires as it is now, NEVER where nothing lets it.

    closing: earliest deadline of its open examples, NEVER where there is none.
    """
    last = rows["last_ts"]
    stays = (rows["links"] > 0) | (rows["deleted_at"] != 0) | (last == 0)
    stays |= (closing < NEVER) | (lifetime == NEVER) | (rows["consent"] != 0)
    return np.where(stays, NEVER, last + np.where(stays, 0, lifetime))


def expire(work: Workspace, row: I64, w: I64) -> None:
    """Forget, of distinct rows, those that have expired before `w[i]`; closings come first."""
    if work.lifetime is None or not len(row):
        return
    gone = row[expires(work.lifetime, work.deadline, work.rows)[row] < w]
    if not len(gone):
        return
    blank = work.catalog.new_fragments(1)
    for name in blank.dtype.names or ():
        work.rows[name][gone] = blank[name]
    work.served[gone] = work.catalog.new_served(1)
    work.opening[gone] = -1
    work.changed[gone] = work.served_changed[gone] = False
    work.last_event[gone] = -1
    work.expired[gone] = True
    for r in gone.tolist():
        work.interests.clear(r)
        work.timelines.clear(r)


def lives(work: Workspace, s: Stretch) -> Iterator[Stretch]:
    """The events in parts, so that a row may expire between one part and the next.

    Each part is to be folded before the next one is asked for.
    """
    if work.lifetime is None:
        yield s
        return
    life = _lives(work, s, work.lifetime)
    for i in range(int(life.max(initial=0)) + 1):
        part = s.take(life == i)
        first = part.start.nonzero()[0]
        row, w = part.row[first], part.before[first]
        last, length = work.rows["last_ts"][row], work.lifetime[row]
        late = (last != 0) & (length < NEVER) & (last < w - np.where(length < NEVER, length, 0))
        if not every(~late):
            close(work, row[late], w[late])
            expire(work, row[late], w[late])
        yield part


def _lives(work: Workspace, s: Stretch, lifetime: I64) -> I64:
    """Per event how often its row may have expired since the beginning of the stretch.

    Counted too often rather than not: whether a row has expired is seen when its part comes.
    """
    if s.apart:
        return np.zeros(len(s), np.int64)
    segment = s.start.cumsum() - 1
    at = s.start.nonzero()[0]
    last = work.rows["last_ts"][s.row[at]]
    earliest = np.minimum(np.minimum.reduceat(s.ts, at), np.where(last != 0, last, NEVER))
    length = lifetime[s.row]
    may = ~s.start & (length < NEVER)
    may[may] = s.before[may] > earliest[segment][may] + length[may]
    total: I64 = may.cumsum()
    since: I64 = total - (total - may)[at][segment]
    return since
