"""`afflux evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from launcher.console import err, out, print_json


class Against(StrEnum):
    """What else runs on the same rows."""

    batch = "batch"


class Opening(StrEnum):
    """Which events open examples."""

    served = "served"
    every = "every"


def evaluate(
    file: Annotated[Path, typer.Argument(help="Events: CSV, Parquet or JSON lines.")],
    mapping: Annotated[
        Path, typer.Option(help="YAML that says which columns are identity, time, type, amount.")
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model; may be given several times.")
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            help='What is predicted: "no commerce.purchases within 14d after 1 purchases", with '
            '"NAME: " before it where there are several models.'
        ),
    ] = None,
    openings: Annotated[
        Opening | None,
        typer.Option(help="Predict when the worker does (once a week), or at every event."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Compare predictions from this day on, such as 2017-03-01."),
    ] = None,
    against: Annotated[
        Against | None,
        typer.Option(help="batch: beside LightGBM and logistic regression, trained weekly."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line of standard output.")
    ] = False,
) -> None:
    """See how good the models are on your own events, without Kafka and Redis.

    The file goes through the code of the worker: fold, open, score, label, learn. Every prediction
    is judged by its label before the label is learned. Nothing is written. docs/evaluate.md
    describes the mapping.
    """
    from launcher.evaluation.run import Options, run
    from launcher.evaluation.view import table

    console = err() if as_json else out()
    options = Options(
        file, mapping, tuple(model or ()), tuple(outcome or ()),
        None if openings is None else openings.value, since, against is Against.batch,
    )  # fmt: skip
    result = run(options, err())
    console.print(table(result))
    for note in result.notes:
        console.print(f"[yellow]note:[/] {note}", soft_wrap=True)
    if as_json:
        print_json(result.to_json())
