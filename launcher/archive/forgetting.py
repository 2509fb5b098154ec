"""A person out of an archive: their records go from every file that has some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from launcher.archive.layout import Archive, ArchiveError
from launcher.data.archive_rows import without


def forget(
    archive: Archive, namespace: str, identifier: str, tell: Callable[[int, int], None]
) -> int:
    """Rewrite the files without the records that name this identity; how many records went.

    All files change together, or none does. tell: hears (files looked at, of how many). Raises
    ArchiveError where there is no archive.
    """
    old = archive.manifest
    if old is None:
        raise ArchiveError(
            f"{archive.folder} is no archive", hint="`afflux archive write` makes one"
        )
    run, gone = old.run + 1, 0
    files = dict(old.files)
    added: list[str] = []
    removed: list[str] = []
    for number, name in enumerate(sorted(old.files)):
        new, path = archive.new_file(name.rpartition("/")[0], number, run)
        kept = without(archive.folder / name, path, namespace, identifier)
        tell(number + 1, len(old.files))
        if kept is None:
            continue
        gone += files.pop(name) - kept
        removed.append(name)
        if kept:
            files[new] = kept
            added.append(new)
    if removed:
        archive.change(replace(old, run=run, files=files), added, removed)
    return gone
