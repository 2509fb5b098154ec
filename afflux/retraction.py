"""Taking back what is served of a person: scores, open examples, what was to be announced."""

from __future__ import annotations

import numpy as np

from afflux.columns import I64
from afflux.outcomes import NEVER
from afflux.workspace import Workspace

_SLOTS = ("slot_open", "slot_ts", "slot_offset", "slot_progress")


def retract(work: Workspace, row: int) -> None:
    """The row serves nothing from now on, unless a later event of the same step changes that."""
    at: I64 = np.array([row])
    for name in _SLOTS:
        work.rows[name][row] = 0
    work.served[at] = work.catalog.new_served(1)
    work.opening[at] = -1
    work.closing[:, row] = NEVER
    work.deadline[row] = NEVER
    work.changed[row] = True
    work.served_changed[row] = False
    work.last_event[row] = -1
    work.deleted.add(row)
