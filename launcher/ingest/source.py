"""What a file is called: a hash of its content and of what its columns mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from launcher.errors import LauncherError
from launcher.evaluation.errors import FileError
from launcher.evaluation.mapping import Mapping

_NUMBERING = b"afflux-ingest-1"
"""Another way of numbering the same rows needs another name."""

_AT_ONCE = 4 << 20
MOST_FILES = 256
"""Files of one folder: a shard remembers 512 sources, these and others."""

_NOT_MEANT = {"models", "openings", "order", "format"}
"""Keys of a mapping that change nothing of what is sent."""

_ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Source:
    """A file as a source of numbered records."""

    path: Path
    content: str
    """Hash of its bytes, hex."""
    name: bytes
    """16 bytes: the same for the same bytes under the same mapping."""


def files_of(path: Path) -> list[Path]:
    """The file, or the event files of a folder and those below it, by name.

    Raises FileError where there is none.
    """
    if not path.exists():
        raise FileError(f"{path} does not exist")
    if not path.is_dir():
        return [path]
    found = sorted(
        p
        for p in path.rglob("*")
        if p.is_file() and not p.name.startswith((".", "_", "rejects-")) and _is_events(p)
    )
    if not found:
        raise FileError(
            f"{path} has no event files",
            hint=f"they are told by their ending: {' '.join(_ENDINGS)}",
        )
    if len(found) > MOST_FILES:
        raise LauncherError(
            f"{path} has {len(found)} files, at most {MOST_FILES} go in at once",
            hint="join small ones, or ingest one folder after another",
        )
    return found


def _is_events(path: Path) -> bool:
    endings = [s.lower() for s in path.suffixes if s not in (".gz", ".zst", ".bz2")]
    return bool(endings) and endings[-1] in _ENDINGS


def source_of(path: Path, mapping: Mapping, tell: Callable[[int], None]) -> Source:
    """Reads the file once. tell: hears how many bytes were read. Raises FileError."""
    hashed = xxhash.xxh3_128()
    for block in _bytes(path):
        hashed.update(block)
        tell(len(block))
    content = hashed.hexdigest()
    return Source(path, content, name_of(content, mapping))


def name_of(content: str, mapping: Mapping) -> bytes:
    """The name of a file with this content under this mapping."""
    meant = mapping.model_dump(mode="json", exclude=_NOT_MEANT)
    text = json.dumps(meant, sort_keys=True).encode()
    return xxhash.xxh3_128(b"\0".join([_NUMBERING, content.encode(), text])).digest()


def _bytes(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_AT_ONCE):
                yield block
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
