"""Events that somebody hands in and waits for: every fault of every event, or all of them encoded.

The rules are the worker's, those about time included: they are judged against the clock of the
one who takes the events in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from afflux.findings import explain_all
from afflux.names import Identity
from afflux.validation import Rules, check
from streams.avro_misfit import misfits
from streams.event_columns import read_events
from streams.framing import texts
from streams.json_events import with_millis
from streams.message_writer import EncodeError, writer
from streams.placeholders import placeholders

CONTRACT = "ExperienceEvent"


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that may be produced: its key and its value."""

    key: Identity
    value: bytes


@dataclass(frozen=True, slots=True)
class EventFault:
    """What is wrong with one of the events.

    index: which one. pointer: JSON pointer within it. code: the rule, "form" where the event does
    not have the contract's form.
    """

    index: int
    pointer: str
    message: str
    code: str


def take_in(
    events: Sequence[object], rules: Rules, max_bytes: int, now_ms: int
) -> tuple[list[Taken], list[EventFault]]:
    """All events, or all that is wrong with them: one of the two lists is empty.

    events: objects as JSON has them; `timestamp` may be ISO 8601 text.
    """
    taken, faults = _together(events, rules, max_bytes, now_ms)
    if not faults:
        return taken, []
    # The long way: each event alone, so that a bad one hides nothing of another.
    every = [
        replace(fault, index=index)
        for index, event in enumerate(events)
        for fault in _all_of(event, rules, max_bytes, now_ms)
    ]
    return [], every or faults


def _together(
    events: Sequence[object], rules: Rules, max_bytes: int, now_ms: int
) -> tuple[list[Taken], list[EventFault]]:
    rows, faults = [], []
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            faults.append(EventFault(index, "", "not a JSON object", "form"))
            continue
        try:
            rows.append(with_millis(event))
        except (ValueError, OverflowError):
            message = "not a time: milliseconds since 1970, or ISO 8601 text"
            faults.append(EventFault(index, "/timestamp", message, "form"))
    return ([], faults) if faults else _judged(rows, rules, max_bytes, now_ms)


def _all_of(event: object, rules: Rules, max_bytes: int, now_ms: int) -> list[EventFault]:
    _, faults = _together([event], rules, max_bytes, now_ms)
    if isinstance(event, dict) and [f.pointer for f in faults] == ["/timestamp"]:
        # Its form was not looked at yet.
        rest = _forms({**event, "timestamp": 0}, 0) if faults[0].code == "form" else ()
        faults += [fault for fault in rest if fault not in faults]
    return faults


def _forms(row: Mapping[str, Any], index: int) -> Iterator[EventFault]:
    for place in misfits(writer(CONTRACT).record, row):
        yield EventFault(index, place.pointer, place.message, "form")


def _judged(
    rows: Sequence[Mapping[str, Any]], rules: Rules, max_bytes: int, now_ms: int
) -> tuple[list[Taken], list[EventFault]]:
    try:
        batch = writer(CONTRACT).columns(rows)
    except EncodeError as error:
        wrong = [fault for index, row in enumerate(rows) for fault in _forms(row, index)]
        return [], wrong or [EventFault(error.index, error.pointer, error.message, "form")]
    events = read_events(batch, np.full(batch.num_rows, now_ms, np.int64))
    faults = [
        EventFault(row, why.pointer, why.message, why.code.name)
        for row in np.flatnonzero(check(events.candidates, rules)).tolist()
        for why in explain_all(events.candidates, rules, row)
    ]
    faults += [
        EventFault(row, why.pointer, why.message, why.code.name)
        for row, why in placeholders(events, rules.placeholders).items()
    ]
    if faults:
        return [], faults
    values, names = writer(CONTRACT).write(batch), texts(events.identities)
    for index, value in enumerate(values):
        if len(value) > max_bytes:
            message = f"{len(value)} bytes as Avro, at most {max_bytes} are allowed"
            faults.append(EventFault(index, "", message, "too_large"))
    keys = [Identity(names[k]) for k in events.primary.tolist()]
    return [Taken(k, v) for k, v in zip(keys, values, strict=True)], faults
