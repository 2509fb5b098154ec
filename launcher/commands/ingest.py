"""`afflux ingest`: files of events into Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.connect import with_kafka
from launcher.console import err, plain, print_json, say

if TYPE_CHECKING:
    from launcher.ingest.run import Result


def ingest(
    path: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="Events: CSV, Parquet or JSON lines.")
    ],
    mapping: Annotated[
        Path, typer.Option(help="YAML that says what the columns mean; `afflux init` writes one.")
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(help="File of rows that cannot be used; rejects-NAME.jsonl if not given."),
    ] = None,
    max_rejects: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the rows above which nothing is sent."),
    ] = 0.01,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="At most so many events a second.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send a file that went in under another mapping.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line of standard output.")
    ] = False,
) -> None:
    """Send files of your own events, in order of time, each event once.

    All rows are read and sorted before the first is sent. Run it again after an interruption: it
    goes on where it was. A file that is in already changes nothing. docs/ingest.md
    """
    from launcher.ingest.run import Options, run
    from launcher.interrupts import orderly_end

    settings = with_kafka()
    try:
        with orderly_end():
            result = run(Options(path, mapping, rejects, max_rejects, rate, again), settings, err())
    except (KeyboardInterrupt, SystemExit):
        say("interrupted: the same command goes on where this one was")
        raise
    _tell(result)
    there = f", {result.there:,} were there already" if result.there else ""
    text = f"sent {result.sent:,} events of {result.rows:,} rows{there}"
    if as_json:
        say(text)
        print_json(result.to_json())
    else:
        plain(text)


def _tell(result: Result) -> None:
    if result.unchanged:
        what = "the file is" if result.files == 1 else f"{result.unchanged} of the files are"
        say(f"{what} in the topic already, whole")
    if result.rejects:
        codes = ", ".join(f"{n:,} {code}" for code, n in sorted(result.rejected.items()))
        say(f"left out: {codes}; each with line and reason in {result.rejects}")
    if result.skipped or result.repeats:
        say(f"left out as the mapping says: {result.skipped + result.repeats:,} rows")
