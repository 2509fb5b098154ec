"""An ingest from beginning to end: names, rows, order, numbers, Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)  # fmt: skip

from afflux.limits import DAY_MS
from afflux.validation import Rules
from launcher.cache import locked
from launcher.compose import stream_settings
from launcher.data.row_events import EventMaker, Window
from launcher.data.sorted_rows import SortedRows
from launcher.errors import LauncherError
from launcher.evaluation.errors import MappingError
from launcher.evaluation.mapping import Mapping, load
from launcher.ingest.notes import Note, Notes
from launcher.ingest.reading import read_files
from launcher.ingest.rejects import Rejects
from launcher.ingest.sending import Sender
from launcher.ingest.source import Source, files_of, source_of
from launcher.settings import Settings
from streams.admin import Admin
from streams.topics import EXPERIENCE_EVENTS


class AlreadySent(LauncherError):
    """The same file went in under another mapping."""

    exit_code = 7


@dataclass(frozen=True)
class Options:
    """As given on the command line."""

    path: Path
    mapping: Path
    rejects: Path | None = None
    max_rejects: float = 0.01
    rate: float | None = None
    again: bool = False


@dataclass
class Result:
    """What became of the rows. unchanged: files that were in the topic already, whole."""

    files: int = 0
    unchanged: int = 0
    rows: int = 0
    events: int = 0
    sent: int = 0
    there: int = 0
    skipped: int = 0
    repeats: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    rejects: str | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As one object."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


def run(options: Options, settings: Settings, console: Console) -> Result:
    """All of it. Raises LauncherError and BrokerUnavailable; nothing is sent before all is read."""
    began = time.perf_counter()
    mapping = load(options.mapping)
    if mapping.order == "file":
        raise MappingError(
            f"the mapping {options.mapping} says `order: file`, but events go in by their time",
            hint="remove it, or sort the file as it should be",
        )
    files = files_of(options.path)
    kafka = stream_settings(settings)
    topic = EXPERIENCE_EVENTS.name
    result = Result(len(files))
    with locked(f"ingest-{topic}"), _bar(console) as bar:
        logs = Admin(kafka).describe([topic])
        if topic not in logs:
            raise LauncherError(
                f"there is no topic {topic}", hint="`afflux topics create` makes it"
            )
        book = Notes(settings.data_dir, f"{topic}@{logs[topic].topic_id.hex()}")
        fresh = _fresh(_sources(files, mapping, bar), book, options, result)
        if fresh:
            rejects = Rejects(options.rejects or _rejects_of(options.path), options.max_rejects)
            with SortedRows() as rows, rejects:
                _ingest(fresh, mapping, settings, rows, rejects, book, options, result, bar)
    result.seconds = time.perf_counter() - began
    return result


def _sources(files: list[Path], mapping: Mapping, bar: Progress) -> list[Source]:
    task = bar.add_task("naming", total=max(1, sum(f.stat().st_size for f in files)))
    return [source_of(path, mapping, lambda n: bar.advance(task, n)) for path in files]


def _fresh(
    sources: list[Source], book: Notes, options: Options, result: Result
) -> list[tuple[Source, Note]]:
    """Those that are not in the topic, each content once."""
    found: dict[bytes, tuple[Source, Note]] = {}
    for source in sources:
        note = book.of(source.name)
        if (note is not None and note.done) or source.name in found:
            result.unchanged += 1
            continue
        others = book.of_other_mappings(source.content, source.name)
        if others and not options.again:
            raise AlreadySent(
                f"{source.path} went in before under another mapping: its events would count twice",
                hint="--again sends it nevertheless",
            )
        new = note or book.new(source.name, source.content, source.path)
        found[source.name] = source, new
    return list(found.values())


def _ingest(
    fresh: list[tuple[Source, Note]],
    mapping: Mapping,
    settings: Settings,
    rows: SortedRows,
    rejects: Rejects,
    book: Notes,
    options: Options,
    result: Result,
    bar: Progress,
) -> None:
    sources, notes = [s for s, _ in fresh], [n for _, n in fresh]
    reading = bar.add_task("reading", total=len(sources))
    result.skipped = read_files(
        [s.path for s in sources], mapping, rules_of(settings), int(time.time() * 1000), rows,
        rejects, lambda file, share: bar.update(reading, completed=file + share),
    )  # fmt: skip
    result.rows, result.rejected = rejects.rows, dict(rejects.codes)
    result.rejects = str(rejects.path) if rejects.count else None
    rejects.close()
    maker = EventMaker(mapping, [s.name.hex()[:16] for s in sources])
    kafka = stream_settings(settings)
    sender = Sender(
        kafka, EXPERIENCE_EVENTS.name, settings.partitions, sources, notes, book,
        options.rate, settings.kafka.timeout_s,
    )  # fmt: skip
    sending = bar.add_task("sending", total=rows.rows)
    done = 0

    def windows() -> Iterator[Window]:
        nonlocal done
        for window in rows.windows():
            yield maker.make(window)
            done += window.num_rows
            bar.update(sending, completed=done)

    sender.run(windows(), lambda events: None)
    result.sent, result.there, result.repeats = sender.sent, sender.there, maker.repeats
    result.events = sender.sent + sender.there


def rules_of(settings: Settings) -> Rules:
    """What a worker with these settings accepts."""
    limits = settings.limits
    return Rules(
        limits.max_identities, limits.skew_s * 1000, limits.horizon_days * DAY_MS,
        limits.placeholder_words,
    )  # fmt: skip


def _rejects_of(path: Path) -> Path:
    return Path(f"rejects-{path.resolve().stem}.jsonl")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(show_speed=True),
        MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True,
    )  # fmt: skip
