"""`afflux models show`: what the models are, and how good they have been."""

from __future__ import annotations

from typing import Annotated

import typer

from launcher.chosen_models import chosen_models
from launcher.connect import with_redis
from launcher.console import out, print_json
from launcher.errors import LauncherError

models = typer.Typer(help="Look at the models, and say which is served.", no_args_is_help=True)


@models.command()
def show(
    model: Annotated[list[str] | None, typer.Argument(help="Only these; all if none.")] = None,
    segments: Annotated[
        bool, typer.Option("--segments", help="By segment, with the calibration curve.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a model.")] = False,
) -> None:
    """Show the current snapshot of each model and its progressive figures.

    Every figure is of what was served, judged before it was learned, beside that of a constant;
    only the interval of an amount (pinball, coverage) is judged as the model would have given it.
    """
    from launcher.model_registry import known_models
    from launcher.model_report import overview
    from launcher.recommender_report import known_recommenders, table
    from models.next_basket import RECOMMENDERS

    settings = with_redis()
    chosen = chosen_models(settings)
    lists = [str(r.name) for r in RECOMMENDERS]
    names = [*(str(one.spec.name) for one in chosen), *lists]
    for name in model or ():
        if name not in names:
            raise LauncherError(f"there is no model {name}", hint=f"models: {', '.join(names)}")
    wanted = [one for one in chosen if not model or one.spec.name in model]
    found = known_models(settings, wanted)
    recommenders = known_recommenders(settings) if not model or {*model} & {*lists} else []
    recommenders = [r for r in recommenders if not model or r.recommender.name in model]
    if as_json:
        for known in found:
            print_json(known.as_json(segments))
        for one in recommenders:
            print_json(one.as_json())
    elif segments:
        from launcher.model_history import curve_table, segments_table
        from models.figures import figures_of

        for known in found:
            out().print(f"[bold]{known.spec.name}[/]: {known.spec.outcome.describe()}")
            if known.snapshot is None:
                out().print("no snapshot yet")
                continue
            figures = figures_of(known.snapshot)
            out().print(segments_table(figures))
            curve = curve_table(figures)
            if curve is not None:
                out().print("calibration of the recent examples", curve)
    else:
        if found:
            out().print(overview(found))
        if recommenders:
            out().print(table(recommenders))
