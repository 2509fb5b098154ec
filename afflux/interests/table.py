"""The rows of interests that a step works on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from afflux.columns import F64, I64, U64, EventColumns
from afflux.features.powers import POWERS
from afflux.interests.rules import POINTS, SUBJECTS, InterestRules
from afflux.interests.slots import BLOCK_BITS, FRAC_BITS, Additions, Slots
from afflux.interests.storage import HEAD, SLOT, VERSION, decode, encode
from afflux.limits import DAY_MS
from afflux.mentions import U8, Subject
from afflux.rows import RowError
from afflux.segments import by_row

_FRACTION = (1 << FRAC_BITS) - 1
_MOST_UP = 800
"""Read long before its events a weight would overflow."""


class InterestTable:
    """Mutable while one step runs.

    stored: row -> its stored form, None where the store had none; of every row whose events have
    mentions that count. Raises RowError for rows that are damaged or of other rules.
    """

    def __init__(self, stored: Mapping[int, bytes | None], rules: InterestRules) -> None:
        self._rules = rules
        self._row = np.fromiter(stored, np.int64, len(stored))
        self._slots = Slots(len(stored) * SUBJECTS, max(rules.slots))
        self._last = np.full(len(stored), -1, np.int64)
        self._changed = np.zeros(len(stored), np.bool_)
        self._limit: I64 = np.tile(np.array(rules.slots, np.int64), len(stored))
        self._data: list[U8] = []
        self._size = 0
        self._cleared: set[int] = set()
        known = [i for i, value in enumerate(stored.values()) if value]
        if known:
            self._load(np.array(known), [value for value in stored.values() if value])

    def _load(self, at: I64, values: list[bytes]) -> None:
        head, slot, text, data = decode(values)
        if (head["half_life"] != self._rules.half_life_days).any():
            raise RowError(
                f"a row of interests was written with other half-lives than "
                f"{self._rules.half_life_days} days"
            )
        if (head["count"] > self._rules.slots).any():
            raise RowError(f"a row of interests has more slots than {self._rules.slots}")
        self._last[at] = head["last_offset"]
        unit = (at[:, None] * SUBJECTS + np.arange(SUBJECTS)).reshape(-1)
        count = head["count"].reshape(-1).astype(np.int64)
        slots = self._slots
        slots.count[unit], slots.base[unit] = count, head["base"].reshape(-1)
        place = np.arange(len(slot)) - np.repeat(np.cumsum(count) - count, count)
        of = np.repeat(unit, count)
        slots.hash[of, place], slots.weight[of, place] = slot["hash"], slot["weight"]
        slots.text[of, place] = text
        self._keep(data)

    def _keep(self, data: U8) -> int:
        """Where `data` begins among all texts."""
        at = self._size
        self._data.append(data)
        self._size += len(data)
        return at

    def fold(self, events: EventColumns, index: I64) -> None:
        """Take in what the accepted events at `index` mention.

        An event that is not newer than the row is in it already (after a script that failed
        half-way). Raises ValueError where a row was not fetched.
        """
        table = events.mentions.table
        accepted = np.zeros(len(events), np.bool_)
        accepted[index] = True
        event = table["event"]
        x = POINTS[events.kind[event], table["subject"]]
        kept = (accepted[event] & (x > 0)).nonzero()[0]
        if not len(kept):
            return
        row = self._places(events.identity[event[kept]].astype(np.int64))
        newer = events.offset[event[kept]] > self._last[row]
        kept, row = kept[newer], row[newer]
        event, subject = event[kept], table["subject"][kept].astype(np.int64)
        order, _ = by_row(row * SUBJECTS + subject)
        half_life = np.array(self._rules.half_life_days)[subject] * DAY_MS
        exponent = (events.timestamp[event] << FRAC_BITS) // half_life
        text = table["text"][kept[order]]
        at = self._keep(events.mentions.data)
        text["id_at"] += at
        text["name_at"] += at
        added = Additions(
            (row * SUBJECTS + subject)[order], table["hash"][kept[order]], x[kept[order]],
            exponent[order], text,
        )  # fmt: skip
        self._slots.add(added, self._limit)
        np.maximum.at(self._last, row, events.offset[event])
        self._changed[row] = True

    def _places(self, row: I64) -> I64:
        """Where rows are in this table."""
        if not len(self._row):
            raise ValueError("events mention things, and no row of interests was fetched")
        order = self._row.argsort()
        place = order[np.minimum(self._row[order].searchsorted(row), len(order) - 1)]
        if (self._row[place] != row).any():
            raise ValueError("a row of interests was not fetched")
        return place

    def held(self, row: I64, subject: Subject, at: I64) -> tuple[U64, F64]:
        """(n, slots) hashes, 0 where a slot is free, and weights at time `at[i]`, ms, of rows."""
        unit = self._places(row) * SUBJECTS + int(subject)
        slots, most = self._slots, self._rules.slots[subject]
        exponent = (at << FRAC_BITS) // (self._rules.half_life_days[subject] * DAY_MS)
        up = (slots.base[unit].astype(np.int64) << BLOCK_BITS) - (exponent >> FRAC_BITS)
        weight = slots.weight[unit, :most] / POWERS[exponent & _FRACTION][:, None]
        up = np.minimum(up, _MOST_UP).astype(np.int32)
        return slots.hash[unit, :most], np.ldexp(weight, up[:, None])

    def clear(self, row: int) -> None:
        """The person was deleted: nothing is left."""
        self._cleared.add(row)
        for i in (self._row == row).nonzero()[0].tolist():
            self._slots.clear(slice(i * SUBJECTS, (i + 1) * SUBJECTS))
            self._last[i] = -1
            self._changed[i] = False

    def changes(self) -> dict[int, bytes]:
        """Row -> what to store now; b"" where nothing is known any more. Only what changed."""
        changes = dict.fromkeys(sorted(self._cleared), b"")
        at = self._changed.nonzero()[0]
        if len(at):
            changes.update(zip(self._row[at].tolist(), self._encoded(at), strict=True))
        return changes

    def _encoded(self, at: I64) -> list[bytes]:
        slots, n = self._slots, len(at)
        unit = (at[:, None] * SUBJECTS + np.arange(SUBJECTS)).reshape(-1)
        head = np.zeros(n, HEAD)
        head["version"] = VERSION
        head["count"] = slots.count[unit].reshape(n, SUBJECTS)
        head["base"] = slots.base[unit].reshape(n, SUBJECTS)
        head["half_life"] = self._rules.half_life_days
        head["last_offset"] = self._last[at]
        count = slots.count[unit]
        of = np.repeat(unit, count)
        place = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        text = slots.text[of, place]
        slot = np.empty(len(text), SLOT)
        slot["hash"], slot["weight"] = slots.hash[of, place], slots.weight[of, place]
        slot["id_size"], slot["name_size"] = text["id_size"], text["name_size"]
        return encode(head, slot, text, np.concatenate(self._data))
