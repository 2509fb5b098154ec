"""An evaluation from beginning to end: mapping, file, replay, comparison."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from afflux.codes import Code
from afflux.columns import KIND_OF_EVENT_TYPE
from afflux.event_types import EventTypes, what
from afflux.outcomes import Openings
from launcher.errors import LauncherError
from launcher.evaluation.basket_log import ITEM, ItemRows
from launcher.evaluation.basket_replay import BasketReplay
from launcher.evaluation.batch_oracle import check_installed
from launcher.evaluation.choice import chosen, named
from launcher.evaluation.compared import Asked, compared
from launcher.evaluation.engine import EVERY_EVENT, Engine, Rules
from launcher.evaluation.errors import MappingError
from launcher.evaluation.mapping import Mapping, OpeningRule, load
from launcher.evaluation.outcome_words import OutcomeError, duration_ms
from launcher.evaluation.result import ModelResult, Result
from launcher.evaluation.runs import Runs
from models.next_basket import Recommender

if TYPE_CHECKING:
    from launcher.data.file_events import FileEvents

_ROWS = 50_000
"""Lines of purchases that are read at a time."""


@dataclass(frozen=True)
class Options:
    """As given on the command line."""

    file: Path
    mapping: Path
    models: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    openings: str | None = None
    since: str | None = None
    batch: bool = False


def run(options: Options, console: Console) -> Result:
    """All of it; progress goes to the console. Raises LauncherError; nothing is written then."""
    began = time.perf_counter()
    mapping = load(options.mapping)
    outcomes = {**mapping.models, **named(options.outcomes, options.models)}
    models, recommenders = chosen(options.models, outcomes, mapping.items)
    rules = rules_of(options.openings or mapping.openings)
    types = EventTypes.of([*(w for m in models for w in m.spec.named), *rules.openings.kinds])
    mapping.event.check_types(types.names)
    asked = Asked(None if options.since is None else _day(options.since), options.batch)
    if options.batch and models:
        check_installed()
    with _bar(console) as bar, _read(options.file, mapping, types, bar) as (log, items, file):
        if models:
            tasks = {"replay": bar.add_task("learning as it goes", total=1.0)}
            if options.batch:
                tasks["batch"] = bar.add_task("batch, trained weekly", total=1.0)
            result, engine = compared(
                models, log, rules, asked,
                lambda what, share: bar.update(tasks[what], completed=share),
            )  # fmt: skip
            notes = _notes(result, engine, log, mapping, file)
        else:
            events = sum(len(block) for block in log.blocks(_ROWS))
            result = Result(events, len(log.identities), 0.0, {})
            notes = [_left_out(file.skipped)] * bool(file.skipped)
        found = {str(r.name): _recommended(r, items, asked.since, bar) for r in recommenders}
    notes += [f"{n}: no basket can be judged" for n, model in found.items() if not model.examples]
    return replace(
        result, seconds=time.perf_counter() - began, models={**result.models, **found}, notes=notes
    )


def _recommended(
    recommender: Recommender, items: Runs, since: int | None, bar: Progress
) -> ModelResult:
    task = bar.add_task(f"{recommender.name}, basket by basket", total=max(1, len(items)))
    replay = BasketReplay(recommender, since)
    blocks = items.blocks(_ROWS)
    return replay.run(_told(blocks, lambda: bar.update(task, completed=items.done)))


def _told(blocks: Iterator[ItemRows], told: Callable[[], None]) -> Iterator[ItemRows]:
    for block in blocks:
        yield block
        told()


def rules_of(openings: str | OpeningRule) -> Rules:
    """The rules of replay that a mapping or the command line asks for. Raises MappingError."""
    if openings == "served":
        return Rules()
    if isinstance(openings, str):
        return EVERY_EVENT
    unknown = [name for name in openings.of if name not in KIND_OF_EVENT_TYPE and "." not in name]
    if unknown:
        raise MappingError(
            f"`openings.of`: {unknown[0]!r} is no event type",
            hint=f"known are {', '.join(KIND_OF_EVENT_TYPE)}, and any other with a dot",
        )
    kinds = what(openings.of)
    try:
        gap = 1 if openings.gap in ("0", "0h", "0d") else duration_ms(openings.gap)
    except OutcomeError as error:
        raise MappingError(f"`openings.gap`: {error}") from None
    return Rules(Openings(EVERY_EVENT.openings.slots, gap, kinds), widen=True)


class _read:
    """The file as sorted logs, in a `with`; yields events, items, and what was read."""

    def __init__(self, path: Path, mapping: Mapping, types: EventTypes, bar: Progress) -> None:
        self._path, self._mapping, self._types, self._bar = path, mapping, types, bar

    def __enter__(self) -> tuple[Runs, Runs, FileEvents]:
        from launcher.data.file_events import FileEvents

        m = self._mapping
        file = FileEvents(self._path, m, self._types)
        nameless = m.id is None and m.transaction is None
        self._runs = Runs(
            file.identities, grouped=m.transaction is not None,
            repeats_dropped=nameless and m.duplicates == "drop", in_time=m.order == "time",
        )  # fmt: skip
        self._items = Runs(file.identities, form=ITEM)
        task = self._bar.add_task(f"reading {self._path.name}", total=1.0)
        try:
            for events, items in file.with_items():
                self._runs.add(events)
                self._items.add(items)
                self._bar.update(task, completed=file.share)
        except BaseException:
            self._close()
            raise
        return self._runs, self._items, file

    def __exit__(self, *why: object) -> None:
        self._close()

    def _close(self) -> None:
        self._runs.close()
        self._items.close()


def _notes(
    result: Result, engine: Engine, log: Runs, mapping: Mapping, file: FileEvents
) -> list[str]:
    counters, notes = engine.counters, []
    if file.skipped:
        notes.append(_left_out(file.skipped))
    for name in engine.catalog.types.names:
        if name not in file.types_seen:
            near = difflib.get_close_matches(name, file.types_seen, 1, 0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            notes.append(f"no event is of the type {name!r}, which an outcome names{hint}")
    if log.out_of_order and mapping.order == "time":
        notes.append(f"{log.out_of_order:,} rows stood after a later one: sorted by time")
    if counters[Code.duplicates]:
        what = "transaction" if mapping.transaction else "id"
        notes.append(f"{counters[Code.duplicates]:,} events repeat an {what}: counted once")
    elif log.repeats and mapping.id is None and mapping.transaction is None:
        done = "left out" if mapping.duplicates == "drop" else "kept; `duplicates: drop` drops them"
        notes.append(f"{log.repeats:,} rows are as another one in every column: {done}")
    if counters[Code.late]:
        notes.append(f"{counters[Code.late]:,} events came late, after a later one")
    for name, model in result.models.items():
        if not model.examples:
            notes.append(
                f"{name}: no prediction can be judged: its window has not passed for any, or no "
                "model was learned before them"
            )
    return notes


def _left_out(rows: int) -> str:
    return f"{rows:,} rows left out, as the mapping says"


def _day(text: str) -> int:
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise LauncherError(f"--from {text!r} is no day", hint="write it as 2017-03-01") from None
    at = day if day.tzinfo else day.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
