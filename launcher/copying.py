"""Copies records of one topic into another, each exactly once, however often it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from launcher.cache import locked
from launcher.errors import LauncherError
from launcher.origins import HEADER, Note, Origin, Seen
from streams.admin import Admin, TopicState
from streams.bulk import BulkProducer
from streams.consume import Record, TopicReader
from streams.numbering import HEADER as NUMBER_HEADER
from streams.records import Headers
from streams.settings import StreamSettings

_NOTE_EVERY = 20_000
_LAST_WORDS_S = 5.0


class Copied(NamedTuple):
    """How a record is copied. partition: None for that of the key."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


@dataclass
class Report:
    """What a copy did."""

    copied: int = 0
    there: int = 0
    """Were in the target already."""
    left: int = 0
    """Not wanted."""


Choose = Callable[[Sequence[Record]], Iterable[Copied | None]]
"""How each of these records is copied; None for one that is not."""


class Copy:
    """One topic into another.

    folder: where the note of its progress is kept. whole: the copy takes every record of the
    source, so that the note may say that everything below an offset is there.
    """

    def __init__(
        self, settings: StreamSettings, source: str, target: str, folder: Path, whole: bool
    ) -> None:
        self._settings, self._source, self._target = settings, source, target
        self._whole = whole
        self._name = f"copy-{source}-to-{target}"
        self._path = folder / f"{self._name}.json"
        self._admin = Admin(settings)
        self._log = source
        self._note = Note()

    def run(self, choose: Choose, tell: Callable[[Report], None] = lambda report: None) -> Report:
        """Copy everything that is in the source now. `tell` hears of the progress.

        Raises BrokerUnavailable; what is copied by then is not copied again by the next run.
        """
        with locked(self._name):
            logs = self._admin.describe([self._source, self._target])
            self._log = _log_name(logs, self._source)
            self._note = Note.read(self._path, (self._log, _log_name(logs, self._target)))
            seen = self._what_is_there()
            # From here on our own records stand in the target, so what is below is known.
            report = Report()
            start = {(self._source, p): o for p, o in self._note.source.items()}
            producer = BulkProducer(self._settings)
            with TopicReader(self._settings, [self._source], start, self._admin) as reader:
                try:
                    self._copy(reader, producer, seen, choose, report, tell)
                finally:
                    producer.flush(_LAST_WORDS_S)
                producer.flush()
                self._write_note(reader)
        return report

    def _what_is_there(self) -> Seen:
        seen = Seen(self._log, self._note.source)
        start = {(self._target, p): o for p, o in self._note.target.items()}
        with TopicReader(self._settings, [self._target], start, self._admin) as reader:
            for record in reader.to_end():
                seen.add(record.headers)
        return seen

    def _copy(
        self,
        reader: TopicReader,
        producer: BulkProducer,
        seen: Seen,
        choose: Choose,
        report: Report,
        tell: Callable[[Report], None],
    ) -> None:
        noted = 0
        for records in reader.batches_to_end():
            fresh = [r for r in records if (r.partition, r.offset) not in seen]
            report.there += len(records) - len(fresh)
            for record, copied in zip(fresh, choose(fresh), strict=True):
                if copied is None:
                    report.left += 1
                    continue
                self._send(producer, record, copied)
                report.copied += 1
            if report.copied - noted >= _NOTE_EVERY:
                noted = report.copied
                producer.flush()
                self._write_note(reader)
            tell(report)

    def _send(self, producer: BulkProducer, record: Record, copied: Copied) -> None:
        origin = Origin(self._log, record.partition, record.offset)
        # Numbers ascend in the partition that they were made for, and mean nothing in another.
        headers = [(n, v) for n, v in copied.headers if n not in (HEADER, NUMBER_HEADER)]
        headers.append((HEADER, origin.encode()))
        producer.produce(
            self._target, copied.key, copied.value, headers, partition=copied.partition
        )

    def _write_note(self, reader: TopicReader) -> None:
        """Everything read is sent and acknowledged: what lies in the target now is counted."""
        if not self._whole:
            return
        ends = self._admin.log_ranges([self._target])
        self._note = Note(
            self._note.logs,
            {partition: offset for (_, partition), offset in reader.passed.items()},
            {partition: log.end for (_, partition), log in ends.items()},
        )
        self._note.write(self._path)


def _log_name(logs: Mapping[str, TopicState], topic: str) -> str:
    if topic not in logs:
        raise LauncherError(
            f"there is no topic {topic}", hint="`afflux topics describe` lists ours"
        )
    return f"{topic}@{logs[topic].topic_id.hex()}"
