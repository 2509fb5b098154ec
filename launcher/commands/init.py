"""`afflux init`: what a file could mean, as a mapping to look at."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from launcher.console import err, out, plain, print_json
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.guess.proposal import Proposal

_SURE, _LIKELY = 0.85, 0.7


def init(
    file: Annotated[Path, typer.Argument(help="Your events: CSV, Parquet or JSON lines.")],
    folder: Annotated[Path, typer.Option("--to", help="Folder that is written to.")] = Path(),
    identity: Annotated[str | None, typer.Option(help="Column that says who it was.")] = None,
    time: Annotated[str | None, typer.Option(help="Column that says when it was.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line of standard output.")
    ] = False,
) -> None:
    """Look at a file of your events, and write a mapping and settings to begin with.

    A sample from the beginning, the middle and the end is looked at. Writes mapping.yml and
    afflux.toml with what each line was guessed from, and says what could not be guessed. Files
    that are there are kept unless --force is given. docs/init.md
    """
    from launcher.data.file_sample import sample
    from launcher.guess.proposal import propose
    from launcher.guess.written import mapping_text, settings_text

    targets = folder / "mapping.yml", folder / "afflux.toml"
    if targets[0].exists() and not force:
        raise LauncherError(
            f"{targets[0]} is there already: nothing was written",
            hint="--force overwrites it, --to FOLDER writes elsewhere",
        )
    given = {role: name for role, name in (("identity", identity), ("time", time)) if name}
    found = propose(sample(file), given)
    problem = _tried(found)
    if problem:
        found.unknown.append(problem)
    kept = [t for t in targets[1:] if t.exists() and not force]
    texts = mapping_text(found), settings_text(found, datetime.now(UTC))
    _write({t: text for t, text in zip(targets, texts, strict=True) if t not in kept})
    written = [t for t in targets if t not in kept]
    console = err() if as_json else out()
    console.print(_table(found))
    for line in found.unknown:
        console.print(f"[yellow]not guessed:[/] {escape(line)}", soft_wrap=True)
    for line in (note for notes in found.notes.values() for note in notes):
        console.print(f"[yellow]look at:[/] {escape(line)}", soft_wrap=True)
    for target in kept:
        console.print(f"{target} was there and is kept", markup=False)
    if as_json:
        print_json(_as_json(found, written))
    else:
        plain("wrote " + " and ".join(map(str, written)))


def _tried(found: Proposal) -> str:
    """What is wrong when the first rows of the file are read by the mapping; "" if nothing is."""
    from launcher.data.file_events import FileEvents
    from launcher.evaluation.mapping import check

    mapping = check(found.mapping, "mapping.yml")
    try:
        next(iter(FileEvents(found.sample.path, mapping)), None)
    except LauncherError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return f"how to read every row: {error.message}{hint}"
    return ""


def _write(texts: dict[Path, str]) -> None:
    """Each whole, or none of them."""
    parts = {target: target.with_name(target.name + ".part") for target in texts}
    try:
        for target, text in texts.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            parts[target].write_text(text, encoding="utf-8")
        for target, part in parts.items():
            part.replace(target)
    except OSError as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise LauncherError(f"cannot write: {error}") from None


def _table(found: Proposal) -> Table:
    table = Table("what", "column", "how sure", "why", box=None, pad_edge=False)
    for role, guess in found.guesses.items():
        sure = guess.confidence
        colour = "green" if sure >= _SURE else "yellow" if sure >= _LIKELY else "red"
        table.add_row(
            role, escape(guess.column), f"[{colour}]{sure:.0%}[/]", escape(guess.why)
        )  # fmt: skip
    return table


def _as_json(found: Proposal, written: list[Path]) -> dict[str, Any]:
    sample = found.sample
    return {
        "file": str(sample.path),
        "format": sample.form,
        "rows": sample.rows,
        "whole": sample.whole,
        "mapping": found.mapping,
        "guesses": [asdict(guess) for guess in found.guesses.values()],
        "notes": found.notes,
        "unknown": found.unknown,
        "written": [str(path) for path in written],
    }
