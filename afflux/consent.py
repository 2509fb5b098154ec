"""Consent: whether a person may be scored.

The last word of any identity of a profile holds for all of it; of two words of the same time the
refusal. A row keeps the last word of its own identity, also beyond a delete. Who may not be scored
has no scores, opens no examples, and is not announced; events are folded as always.
"""

from __future__ import annotations

from collections.abc import Iterable

from afflux.columns import I64, Bool
from afflux.outcome import Control
from afflux.retraction import retract
from afflux.segments import some
from afflux.workspace import Workspace

CONSENT = ("opt_out", "opt_in")
"""Kinds of control records: the person may not be scored, or may be."""


def say(work: Workspace, row: int, control: Control) -> None:
    """Fold one word. A refusal takes the scores and open examples away."""
    said = int(work.rows["consent"][row])
    word = control.timestamp if control.kind == "opt_out" else -control.timestamp
    if last_word([said, word]) == said:
        return
    work.rows["consent"][row] = word
    work.rows["last_offset"][row] = control.offset
    work.changed[row] = True
    if word > 0:
        retract(work, row)


def last_word(words: Iterable[int]) -> int:
    """The latest of `consent` fields: > 0 is a refusal, <= 0 none.

    >>> last_word([0, 5, -7]), last_word([-7, 7]), last_word([])
    (-7, 7, 0)
    """
    return max(words, key=lambda word: (abs(word), word), default=0)


def refused(work: Workspace) -> Bool | None:
    """Rows whose own identity may not be scored; None where there is none, the usual case."""
    mask: Bool = work.rows["consent"] > 0
    return mask if some(mask) else None


def scorable(work: Workspace, rows: I64) -> I64:
    """Those of the rows whose profile may be scored."""
    linked = work.fetched.linked
    own = work.rows["consent"]
    if not some(own > 0) and (linked is None or not some(linked["consent"] > 0)):
        return rows
    words = {r: [int(own[r])] for r in rows.tolist()}
    if linked is not None:
        pairs = zip(work.fetched.linked_owner.tolist(), linked["consent"].tolist(), strict=True)
        for owner, word in pairs:
            if owner in words:
                words[owner].append(word)
    allowed: I64 = rows[[last_word(words[r]) <= 0 for r in rows.tolist()]]
    return allowed
