"""`afflux watch`: subscribers; of score-updates here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from launcher.chosen_models import chosen_models
from launcher.commands.watch_audiences import audiences
from launcher.compose import stream_settings
from launcher.connect import with_kafka
from launcher.console import plain, print_json, say
from launcher.errors import LauncherError
from launcher.interrupts import orderly_end

if TYPE_CHECKING:
    from afflux.outcomes import ModelSpec

watch = typer.Typer(help="Watch what Afflux announces.", no_args_is_help=True)

watch.command()(audiences)

_WAIT_S = 0.05


@watch.command()
def scores(
    profile: Annotated[
        str | None, typer.Option(help="Only this person: any identity, as namespace:id.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; repeatable.")] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with what the topic still has.")
    ] = False,
    count: Annotated[int, typer.Option(min=0, help="End after so many updates; 0: never.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="End after so long; 0: never.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print scores as they change, until Ctrl-C. Redelivered and older updates are dropped."""
    settings = with_kafka()
    specs = [m.spec for m in chosen_models(settings)]
    _check(profile, model or (), [spec.name for spec in specs])
    from launcher.score_feed import lines
    from streams.consume import TopicReader
    from streams.newest import Newest, chosen
    from streams.topics import SCORE_UPDATES
    from streams.updates import decode_score_updates

    start: Literal["beginning", "end"] = "beginning" if from_start else "end"
    reader = TopicReader(stream_settings(settings), [SCORE_UPDATES.name], start)
    newest, phrases, left = Newest(), _phrases(specs), count
    amounts = {spec.name for spec in specs if spec.link == "amount"}
    end = time.monotonic() + seconds
    with orderly_end(), reader, suppress(KeyboardInterrupt):
        say("watching score-updates")
        while not seconds or time.monotonic() < end:
            values = [r.value for r in reader.read(_WAIT_S) if r.value is not None]
            for update in decode_score_updates(values):
                wanted = chosen(update, profile, model or ())
                if wanted is None or not newest.is_new(update):
                    continue
                change = newest.change(wanted["identity"], wanted["identities"])
                if change:
                    wanted = {**wanted, "change": change}
                if as_json:
                    print_json(wanted)
                else:
                    for line in lines(wanted, phrases, amounts):
                        plain(line)
                left -= 1
                if not left:
                    return


def _check(profile: str | None, models: Sequence[str], known: Sequence[str]) -> None:
    """Raises LauncherError for what no update can ever be of."""
    if profile is not None and not all(profile.partition(":")):
        raise LauncherError(
            f"{profile!r} is no identity", hint="it is namespace:id, such as email:ann@example.com"
        )
    for name in models:
        if name not in known:
            raise LauncherError(f"there is no model {name}", hint=f"models: {', '.join(known)}")


def _phrases(specs: Sequence[ModelSpec]) -> dict[str, str]:
    from afflux.catalog import Catalog

    catalog = Catalog(specs)
    return dict(zip(catalog.features, catalog.phrases, strict=True))
