"""How far each file has come, so that an ingest that was stopped goes on where it was.

A note says what is known to be in the topic; what was sent after it is found in the topic itself.
A lost note costs the sending, not the truth: shards drop what they have folded by its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Note:
    """Of one source and one topic.

    log: name and id of the topic. sent: events numbered below this are acknowledged. ends:
    partition of the topic -> from where on there may be records that `sent` does not count.
    """

    source: str
    content: str
    file: str
    log: str
    sent: int = 0
    done: bool = False
    ends: dict[int, int] = field(default_factory=dict)


class Notes:
    """The notes of a data folder, one file each."""

    def __init__(self, folder: Path, log: str) -> None:
        self._folder, self._log = folder / "ingest", log

    def of(self, source: bytes) -> Note | None:
        """Of this source, where the topic is the one that it was sent to."""
        note = _read(self._folder / f"{source.hex()}.json")
        return note if note is not None and note.log == self._log else None

    def of_other_mappings(self, content: str, source: bytes) -> list[Note]:
        """Of files with the same bytes that were sent to this topic under another mapping."""
        if not self._folder.is_dir():
            return []
        found = (_read(path) for path in sorted(self._folder.glob("*.json")))
        return [
            note
            for note in found
            if note is not None
            and note.log == self._log
            and note.content == content
            and note.source != source.hex()
            and note.sent
        ]

    def new(self, source: bytes, content: str, file: Path) -> Note:
        """Nothing is sent yet."""
        return Note(source.hex(), content, str(file), self._log)

    def write(self, notes: Iterable[Note]) -> None:
        """Each whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for note in notes:
            path = self._folder / f"{note.source}.json"
            part = path.with_suffix(".part")
            part.write_text(json.dumps(asdict(note)))
            part.replace(path)


def _read(path: Path) -> Note | None:
    try:
        stored = json.loads(path.read_text())
        stored["ends"] = {int(p): int(o) for p, o in stored["ends"].items()}
        return Note(**stored)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
