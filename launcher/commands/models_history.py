"""`afflux models history` and `challengers`: what became of a model, and who learns in shadow."""

from __future__ import annotations

from typing import Annotated

import typer

from launcher.connect import with_redis
from launcher.console import out, print_json, say

Name = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def history(name: Name, as_json: Json = False) -> None:
    """Show what happened to a model, with the evidence, and its stored versions.

    Drifts, promotions and rollbacks, each with event time, the number of examples learned by then,
    and whether a rule or a command did it. Any version can be gone back to.
    """
    from launcher.model_history import entries_table, versions_table
    from launcher.model_registry import known_models, model_named, versions_of

    settings = with_redis()
    model = model_named(settings, name)
    (known,) = known_models(settings, [model])
    versions = versions_of(settings, model)
    entries = () if known.snapshot is None else known.snapshot.history
    if as_json:
        print_json(
            {
                "model": name,
                "entries": [entry.as_json() for entry in entries],
                "versions": [version.as_json() for version in versions],
            }
        )
        return
    if entries:
        out().print(entries_table(entries))
    else:
        say(f"nothing has happened to {name}: no drift, no promotion, no rollback")
    out().print(versions_table(versions))


def challengers(name: Name, as_json: Json = False) -> None:
    """Show who learns a model: the recipe that serves and those in its shadow.

    Losses (log-loss, or the absolute error of amounts) are of the recent examples, by what both
    would have said when the example opened; "surely by" is the lower bound that the rule goes by.
    """
    from launcher.model_history import contenders, contenders_table
    from launcher.model_registry import known_models, model_named, versions_of
    from models.challengers import recipes_for

    settings = with_redis()
    model = model_named(settings, name)
    (known,) = known_models(settings, [model])
    current = next((v for v in versions_of(settings, model) if v.current), None)
    costs = {} if current is None else current.about.get("cost_us", {})
    rows = [] if known.snapshot is None else contenders(known.snapshot, costs)
    if as_json:
        available = sorted(recipes_for(model))
        print_json({"model": name, "contenders": rows, "available": available})
        return
    if rows:
        out().print(contenders_table(rows))
    else:
        say(f"{name} has no snapshot yet")
    say(f"recipes for AFFLUX_LEARN_CHALLENGERS: {', '.join(sorted(recipes_for(model)))}")
