"""What an archive has, and how it changes: all of a change, or nothing of it.

    DIR/TOPIC/_archive.json               what counts: files, and how far each partition is
    DIR/TOPIC/_pending.json               a change that is decided, and not yet carried out
    DIR/TOPIC/day=2024-01-31/*.parquet    records by the day of their event time
    DIR/TOPIC/_other/day=.../*.parquet    control records, tombstones, what nobody can read

New files are written under a name that no reader takes for theirs. Then the change is decided by
one rename (`_pending.json`), and carried out: files get their names, old ones go, and the list
of what counts is replaced. Whoever opens the archive after a crash carries it out to the end,
or removes what was not decided.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from launcher.errors import LauncherError

MANIFEST, PENDING, PART = "_archive.json", "_pending.json", ".part"


class ArchiveError(LauncherError):
    """The archive is of another topic, or cannot be read."""

    exit_code = 5


@dataclass
class Manifest:
    """What counts.

    topic_id: Kafka's, hex. positions: partition -> next offset. files: path below the folder of
    the topic -> rows. lost: records that were gone from the topic before they were archived.
    """

    topic: str
    topic_id: str
    run: int = 0
    positions: dict[int, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    lost: int = 0

    @property
    def rows(self) -> int:
        """All records."""
        return sum(self.files.values())


class Archive:
    """The archive of one topic, whole."""

    def __init__(self, folder: Path, topic: str) -> None:
        self.folder = folder / topic
        self.topic = topic
        self._recover()
        self.manifest = _read(self.folder / MANIFEST)

    def begin(self, topic_id: str) -> Manifest:
        """What is there of this topic. Raises ArchiveError where it is of another one."""
        if self.manifest is None:
            if self.folder.exists() and any(self.folder.iterdir()):
                raise ArchiveError(
                    f"{self.folder} has files, but no {MANIFEST}: it is no archive",
                    hint="choose an empty folder",
                )
            self.manifest = Manifest(self.topic, topic_id)
        elif self.manifest.topic_id != topic_id:
            raise ArchiveError(
                f"{self.folder} is an archive of another topic of the name {self.topic}, "
                "which was made anew since",
                hint="choose another folder for the new one",
            )
        return self.manifest

    def new_file(self, folder: str, number: int, run: int) -> tuple[str, Path]:
        """Name of a file to write, and where it is written before it counts."""
        name = f"{folder}/{run:06}-{number:04}.parquet"
        path = self.folder / (name + PART)
        path.parent.mkdir(parents=True, exist_ok=True)
        return name, path

    def change(self, new: Manifest, added: Sequence[str], removed: Sequence[str]) -> None:
        """Decide and carry out. added: names whose files are written. removed: names that go."""
        decided = {"manifest": asdict(new), "added": list(added), "removed": list(removed)}
        _write(self.folder / PENDING, decided)
        self._carry_out(decided)
        self.manifest = new

    def _carry_out(self, decided: Mapping[str, Any]) -> None:
        added, removed = decided["added"], decided["removed"]
        for name in added:
            part = self.folder / (name + PART)
            if part.exists():
                part.replace(self.folder / name)
        for name in removed:
            (self.folder / name).unlink(missing_ok=True)
        _write(self.folder / MANIFEST, decided["manifest"])
        (self.folder / PENDING).unlink(missing_ok=True)

    def _recover(self) -> None:
        if not self.folder.is_dir():
            return
        pending = self.folder / PENDING
        if pending.exists():
            self._carry_out(_json(pending))
        for part in self.folder.rglob(f"*{PART}"):
            part.unlink()


def _read(path: Path) -> Manifest | None:
    if not path.exists():
        return None
    content = _json(path)
    try:
        positions = {int(p): int(o) for p, o in dict(content.pop("positions")).items()}
        return Manifest(**content, positions=positions)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ArchiveError(f"{path} is not what an archive has: {error}") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path} cannot be read: {error}") from None
    return found


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    with part.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
