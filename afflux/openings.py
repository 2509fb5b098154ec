"""Openings and closings of examples: which events open one, what counts, when it is labelled.

An event opens a slot when it is of a kind that opens, is not late within its fragment, comes long
enough after the last opening (a week, see `Openings`), some model is eligible and its deadline lies
ahead of W, and a slot is free. What is due
at W(o) is closed before the record at o folds; so a record counts for a model only as long as
its deadline is not before W(o).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, Bool
from afflux.consent import refused
from afflux.eligibility import Standing
from afflux.examples import EARLY, LABEL_UNCERTAIN
from afflux.outcomes import NEVER, Masks, Rules, deadlines
from afflux.segments import largest_before, some
from afflux.workspace import Rows, Stretch, Workspace


def candidates(work: Workspace, s: Stretch) -> Masks:
    """Per event the models for which it opens a slot if nothing of its row opens before it."""
    mask = np.zeros(len(s), np.uint32)
    rows = work.rows
    opened = rows["last_open"][s.row]
    spaced = (opened == 0) | (s.ts >= opened + work.catalog.openings.gap_ms)
    if work.catalog.openings.kinds:
        spaced &= work.catalog.opens[s.code]
    may_not = refused(work)
    if may_not is not None:
        spaced &= ~may_not[s.row]
    if not some(spaced):
        return mask
    spaced &= s.ts >= largest_before(s.ts, rows["last_ts"][s.row], s.start)
    at = spaced.nonzero()[0]
    if not len(at):
        return mask
    ahead = s.behind[at] - s.ts[at]
    standing = Standing(work, s, at)
    for population in work.catalog.populations:
        fit = standing.allows(population) & (ahead < population.deadline)
        mask[at[fit]] |= population.bit
    at = at[mask[at] != 0]
    if len(at):
        mask[at[_full(work, s.row[at], s.before[at])]] = 0
    return mask


def _full(work: Workspace, row: I64, w: I64) -> I64:
    """Which of the rows have no slot free, not even once what is due before `w[i]` is closed."""
    is_open = work.rows["slot_open"][row]
    full: I64 = is_open.min(axis=1).nonzero()[0]
    if not len(full):
        return full
    due = work.closing[:, row[full]] < w[full, None]
    still = is_open[full] & ~_bits(due, work.catalog.rules)
    full = full[still.min(axis=1).nonzero()[0]]
    return full


def count(work: Workspace, s: Stretch) -> None:
    """Count events for the outcomes that are open; must come before their fold opens a slot."""
    rows, rules = work.rows, work.catalog.rules
    relevant = rules.any_counts[s.code] & (work.deadline < NEVER)[s.row]
    at = relevant.nonzero()[0]
    if not len(at):
        return
    row, ts, code, before = s.row[at], s.ts[at, None], s.code[at], s.before[at, None]
    opened, closing = rows["slot_ts"][row], work.closing[:, row]
    counted = (closing >= before) & (closing < NEVER) & rules.counts[:, code, None]
    counted &= (opened < ts) & (ts <= opened + rules.window[:, None, None])
    m, k, slot = counted.nonzero()
    if len(m):
        x = np.where(rules.money[m], s.amount[at[k]], 1.0)
        bits = rules.every[m]
        if some(bits):
            came = rules.marks[m[bits], code[k][bits]]
            _mark(rows["slot_progress"], (row[k][bits], slot[bits], m[bits]), came)
            k, slot, m, x = k[~bits], slot[~bits], m[~bits], x[~bits]
        if work.catalog.learns_early:
            _learn_that_it_happened(work, s, at, (m, k, slot))
        np.add.at(rows["slot_progress"], (row[k], slot, m), x)


def _mark(progress: F64, at: tuple[I64, I64, I64], came: I64) -> None:
    """Add bits to sets of bits that are kept as numbers."""
    place, of = np.unique(np.ravel_multi_index(at, progress.shape), return_inverse=True)
    flat = progress.reshape(-1)
    bits = flat[place].astype(np.int64)
    np.bitwise_or.at(bits, of, came)
    flat[place] = bits


def open_slots(work: Workspace, s: Stretch, mask: Masks) -> None:
    """Open a slot for each of these events, one a row, whose rows have folded them."""
    rows = work.rows
    close(work, s.row, s.before)
    slot = (rows["slot_open"][s.row] == 0).argmax(axis=1)
    rows["slot_open"][s.row, slot] = mask
    rows["slot_ts"][s.row, slot] = s.ts
    rows["slot_offset"][s.row, slot] = s.offset
    rows["slot_progress"][s.row, slot] = 0.0
    rows["last_open"][s.row] = s.ts
    vectors = work.matrix(s.row, s.ts)
    number = work.openings + np.arange(len(s))
    work.opening[s.row, slot] = number
    work.opened_by[s.row, 0] = s.index
    work.opened_by[s.row, 1] = number
    closing = deadlines(mask, s.ts, work.catalog.rules)
    work.closing[:, s.row, slot] = closing
    work.deadline[s.row] = np.minimum(work.deadline[s.row], closing.min(axis=0))
    work.openings += len(s)
    work.vectors.append(vectors)
    work.served["slot_vector"][s.row, slot] = vectors
    work.served_changed[s.row] = True
    if work.catalog.learns_early:
        which, m = ((mask[:, None] & work.catalog.rules.bit) != 0).nonzero()
        early = work.catalog.rules.early[m]
        which, m = which[early], m[early]
        _learn_early(work, s, which, slot[which], m, happened=False)


def _learn_that_it_happened(
    work: Workspace, s: Stretch, at: I64, counted: tuple[I64, I64, I64]
) -> None:
    """What is counted is the first of its kind since an opening; before it is counted."""
    m, k, slot = counted
    row, progress = s.row[at[k]], work.rows["slot_progress"]
    first = (work.catalog.rules.early[m] & (progress[row, slot, m] == 0)).nonzero()[0]
    place = np.ravel_multi_index((row[first], slot[first], m[first]), progress.shape)
    _, of = np.unique(place, return_index=True)  # the first one: a row's events are in order
    first = first[of]
    _learn_early(work, s, at[k[first]], slot[first], m[first], happened=True)


def _learn_early(
    work: Workspace, s: Stretch, which: I64, slot: I64, model: I64, happened: bool
) -> None:
    """Examples that event `which[i]` of the stretch has opened, or decided."""
    rows, row = work.rows, s.row[which]
    if not len(row):
        return
    label = work.catalog.rules.negated[model] != happened
    work.early.append(
        {
            "row": row,
            "model": model,
            "deadline": work.closing[model, row, slot],
            "open_ts": rows["slot_ts"][row, slot],
            "open_offset": rows["slot_offset"][row, slot],
            "vector": work.served["slot_vector"][row, slot],
            "served": work.served["slot_value"][row, slot, model],
            "version": work.served["slot_version"][row, slot, model],
            "opening": work.opening[row, slot],
            "label": label.astype(np.float64),
            "flags": np.full(len(row), EARLY, np.uint8),
            "seen": s.before[which],
            "source": s.offset[which],
        }
    )


def close(work: Workspace, row: I64, w: I64) -> None:
    """Close, of distinct rows, what is due before `w[i]`: label it and free its slot."""
    rows, rules = work.rows, work.catalog.rules
    late = (work.deadline[row] < w).nonzero()[0]
    if not len(late):
        return
    row, w = row[late], w[late]
    deadline = work.closing[:, row]
    due = deadline < w[:, None]
    model, k, slot = due.nonzero()
    at, closing = row[k], deadline[due]
    flags = _flags(rows, at, closing)
    work.closed.append(
        {
            "row": at,
            "model": model,
            "deadline": closing,
            "open_ts": rows["slot_ts"][at, slot],
            "open_offset": rows["slot_offset"][at, slot],
            "vector": work.served["slot_vector"][at, slot],
            "served": work.served["slot_value"][at, slot, model],
            "version": work.served["slot_version"][at, slot, model],
            "opening": work.opening[at, slot],
            "label": _labels(work, at, slot, model, flags != 0),
            "flags": flags,
        }
    )
    _free(work, row, rows["slot_open"][row], _bits(due, rules))
    deadline[due] = NEVER
    work.closing[:, row] = deadline
    work.deadline[row] = deadline.min(axis=(0, 2))
    work.changed[row] = True


def _bits(due: Bool, rules: Rules) -> Masks:
    bits = np.zeros(due.shape[1:], np.uint32)
    for of_model, bit in zip(due, rules.bit, strict=True):
        bits[of_model] |= bit
    return bits


def _free(work: Workspace, row: I64, was: Masks, closed: Masks) -> None:
    rows = work.rows
    still = was & ~closed
    rows["slot_open"][row] = still
    k, slot = ((was != 0) & (still == 0)).nonzero()
    if not len(k):
        return
    at = row[k]
    for name in ("slot_ts", "slot_offset", "slot_progress"):
        rows[name][at, slot] = 0
    for name in ("slot_vector", "slot_value", "slot_version"):
        work.served[name][at, slot] = 0
    work.opening[at, slot] = -1
    work.served_changed[at] = True


def _labels(
    work: Workspace, row: I64, slot: I64, model: I64, uncertain: Bool
) -> NDArray[np.float64]:
    """What linked identities did counts for flagged examples only: it is not of this log."""
    rules = work.catalog.rules
    progress = work.rows["slot_progress"][row, slot, model]
    every = rules.every[model]
    happened: Bool = np.where(every, progress == rules.wanted[model], progress > 0)
    linked = work.fetched.linked
    if linked is not None and len(linked):
        opened = work.rows["slot_ts"][row, slot]
        seen = _linked_elements(work, row, opened, model)
        elsewhere: Bool = np.asarray(seen.any(axis=1))
        if some(every):
            elsewhere = np.where(every, _all(rules, model, progress, every, seen), elsewhere)
        happened |= uncertain & elsewhere
    yes = (happened != rules.negated[model]).astype(np.float64)
    return np.where(rules.amount[model], progress, yes)


def _linked_elements(work: Workspace, row: I64, opened: I64, model: I64) -> Bool:
    """(rows, elements): of which elements a linked identity's last event lies in the window."""
    rules, linked = work.catalog.rules, work.fetched.linked
    assert linked is not None
    pairs = np.nonzero(row[:, None] == work.fetched.linked_owner)
    last = linked["kind_last"][pairs[1]]
    if work.catalog.types.names:
        last = np.concatenate([last, linked["type_last"][pairs[1]]], axis=1)
    first, m = opened[pairs[0]][:, None], model[pairs[0]]
    inside = (first < last) & (last <= first + rules.window[m][:, None])
    seen = np.zeros((len(row), last.shape[1]), np.bool_)
    np.logical_or.at(seen, pairs[0], inside & rules.elements[m])
    return seen


def _all(rules: Rules, model: I64, progress: F64, every: Bool, seen: Bool) -> Bool:
    """Whether each element came, here or to a linked identity."""
    bits = np.where(every, progress, 0.0).astype(np.int64)
    came = seen | (((bits[:, None] >> np.arange(seen.shape[1])) & 1) > 0)
    each: Bool = np.asarray((came >= rules.elements[model]).all(axis=1))
    return each


def _flags(rows: Rows, row: I64, deadline: I64) -> NDArray[np.uint8]:
    if not some(rows["links"]):
        return np.zeros(len(row), np.uint8)
    linked = (rows["links"][row] > 0) & (rows["linked_at"][row] <= deadline)
    return np.where(linked, LABEL_UNCERTAIN, 0).astype(np.uint8)
