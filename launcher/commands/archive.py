"""`afflux archive`: a topic as Parquet files by day, and back into a topic."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from launcher.compose import registry_of, stream_settings
from launcher.connect import with_kafka
from launcher.console import err, plain, print_json, say
from launcher.errors import LauncherError

archive = typer.Typer(help="A topic as Parquet files by day, and back.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the archive.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


class Archived(StrEnum):
    """Topics that can be archived: their records have an event time."""

    events = "experience-events"
    attributes = "profile-attributes"


_CONTRACTS = {Archived.events: "ExperienceEvent", Archived.attributes: "ProfileAttributes"}
Of = Annotated[Archived, typer.Option("--of", help="The topic that is archived.")]


@archive.command()
def write(folder: Folder, of: Of = Archived.events, as_json: Json = False) -> None:
    """Add to the archive what the topic has more, then merge small files.

    Each record once, by its offset: run it again at any time, also after it was stopped.
    docs/archive.md
    """
    from launcher.archive.layout import Archive
    from launcher.archive.writing import Writer
    from launcher.cache import locked
    from streams.admin import Admin
    from streams.contract_columns import ContractReader

    settings = with_kafka()
    kafka = stream_settings(settings)
    with locked(f"archive-{of.value}"):
        logs = Admin(kafka).describe([of.value])
        if of.value not in logs:
            raise LauncherError(
                f"there is no topic {of.value}", hint="`afflux topics create` makes it"
            )
        store = Archive(folder, of.value)
        reader = ContractReader(_CONTRACTS[of], registry_of(settings.registry))
        writer = Writer(kafka, store, reader)
        with _bar("archiving") as tell:
            writer.run(logs[of.value].topic_id.hex(), tell)
        merged = writer.compact()
    assert store.manifest is not None
    if writer.lost:
        say(f"{writer.lost:,} records were gone from the topic before they were archived")
    if as_json:
        print_json(
            {"added": writer.added, "lost": writer.lost, "merged": merged,
             "records": store.manifest.rows, "files": len(store.manifest.files)}
        )  # fmt: skip
    else:
        plain(
            f"archived {writer.added:,} records, {store.manifest.rows:,} in "
            f"{len(store.manifest.files):,} files"
        )


@archive.command()
def show(folder: Folder, of: Of = Archived.events, as_json: Json = False) -> None:
    """Show what an archive has: records a day, and how far it is."""
    from launcher.archive.layout import Archive, ArchiveError

    manifest = Archive(folder, of.value).manifest
    if manifest is None:
        raise ArchiveError(
            f"{folder / of.value} is no archive", hint="`afflux archive write` makes one"
        )
    days: dict[str, int] = {}
    for name, rows in sorted(manifest.files.items()):
        day = name.rpartition("/")[0]
        days[day] = days.get(day, 0) + rows
    if as_json:
        print_json({"records": manifest.rows, "positions": manifest.positions, "days": days})
        return
    for day, rows in days.items():
        plain(f"{day:<24} {rows:>12,}")
    plain(f"{'all':<24} {manifest.rows:>12,}")


@archive.command()
def replay(
    folder: Folder,
    of: Of = Archived.events,
    topic: Annotated[
        str | None, typer.Option(help="Topic to write; that of the same name if not given.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="Only from this day of event time on.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Only to this day.")] = None,
    as_json: Json = False,
) -> None:
    """Send archived records to a topic, in the order of their log, each once.

    For a new cluster or installation: the very topic that was archived is refused. Run it again
    after it was stopped.
    """
    from launcher.archive.layout import Archive
    from launcher.archive.replaying import Replayer
    from streams.contract_columns import ContractReader

    for day in filter(None, (first, last)):
        _check_day(day)
    settings = with_kafka()
    reader = ContractReader(_CONTRACTS[of], registry_of(settings.registry))
    store = Archive(folder, of.value)
    replayer = Replayer(stream_settings(settings), store, reader, first, last)
    with _bar("replaying") as tell:
        replayer.run(topic or of.value, settings.partitions, settings.kafka.timeout_s, tell)
    if as_json:
        print_json({"sent": replayer.sent, "there": replayer.there})
    else:
        there = f", {replayer.there:,} were there already" if replayer.there else ""
        plain(f"replayed {replayer.sent:,} records to {topic or of.value}{there}")


@archive.command()
def forget(
    folder: Folder,
    namespace: Annotated[str, typer.Argument(help="Such as crm.")],
    identifier: Annotated[str, typer.Argument(help="Of the person in it.")],
    of: Of = Archived.events,
    as_json: Json = False,
) -> None:
    """Remove the records of a person from an archive: all that name this identity.

    For each identity of theirs; `afflux privacy delete` tells which there are.
    """
    from launcher.archive.forgetting import forget as remove
    from launcher.archive.layout import Archive
    from launcher.cache import locked

    with locked(f"archive-{of.value}"), _bar("looking for them") as tell:
        gone = remove(Archive(folder, of.value), namespace, identifier, tell)
    if as_json:
        print_json({"removed": gone})
    else:
        plain(f"removed {gone:,} records that name {namespace}:{identifier}")


def _check_day(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise LauncherError(f"{text!r} is no day", hint="write it as 2024-01-31") from None


class _bar:
    """A progress bar on standard error, in a `with`; gives what tells it (done, of how many)."""

    def __init__(self, what: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=err(),
            transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> _bar:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)
