"""`afflux demo`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.console import err, out, print_json
from launcher.data.names import Name
from launcher.interrupts import orderly_end

if TYPE_CHECKING:
    from launcher.demo.result import Result


def demo(
    data: Annotated[
        Name,
        typer.Option(
            help="The Complete Journey (a year of groceries), CDNOW (real purchases of records), "
            "or generated."
        ),
    ] = Name.completejourney,
    events: Annotated[
        int | None, typer.Option(min=100, help="Only so many events, of fewer people.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="Multiple of event time; as fast as it goes if not given."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave all running at the end, until Ctrl-C.")
    ] = False,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="A real Apache Kafka instead of the embedded broker.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line of standard output.")
    ] = False,
) -> None:
    """Replay a year of shopping through Kafka and see live, scored profiles come out of Redis.

    Starts a broker, Redis and a worker, replays the data with a few broken and repeated messages
    in it, measures speed and freshness, shows the models' live quality, the dead letters and one
    profile, and stops everything.
    """
    from launcher.demo.run import Options, run

    console = err() if as_json else out()
    options = Options(data, events, speed, keep, kafka)

    told: list[Result] = []

    def tell(result: Result) -> None:
        told.append(result)
        if as_json:
            print_json(result.to_json())

    with orderly_end():
        try:
            asyncio.run(run(options, console, tell))
        except KeyboardInterrupt:
            if not (keep and told):
                raise
