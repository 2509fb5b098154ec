"""Which models are evaluated: those of the package, with their own outcomes or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from afflux.names import ModelName
from launcher.errors import LauncherError
from launcher.evaluation.errors import MappingError
from launcher.evaluation.mapping import ItemColumns
from launcher.evaluation.outcome_words import Wanted, parse
from models import discover
from models.contract import Model
from models.next_basket import RECOMMENDERS, Recommender

Chosen = tuple[list[Model], list[Recommender]]

Outcomes = Mapping[str, str]
"""Name of a model -> its outcome in words."""


def chosen(names: Sequence[str], outcomes: Outcomes, items: ItemColumns | None) -> Chosen:
    """Models and recommenders, by name; all that the mapping has columns for if no name.

    Raises LauncherError; MappingError for a recommender of items that are not mapped.
    """
    recommenders = {r.name: r for r in RECOMMENDERS}
    for name in outcomes:
        if name in recommenders:
            raise LauncherError(f"{name} has no outcome: it predicts the next basket")
    mapped = [r for r in RECOMMENDERS if items is not None and getattr(items, r.column)]
    if not names:
        return choose([], outcomes), mapped
    wanted = [recommenders[ModelName(n)] for n in dict.fromkeys(names) if n in recommenders]
    for recommender in wanted:
        if recommender not in mapped:
            raise MappingError(
                f"{recommender.name} needs `items.{recommender.column}` in the mapping",
                hint="the column whose values name what was bought, a line of a purchase a row; "
                "docs/evaluate.md describes it",
            )
    others = [n for n in names if n not in recommenders]
    return (choose(others, outcomes) if others else []), wanted


def choose(names: Sequence[str], outcomes: Outcomes) -> list[Model]:
    """The models to evaluate, by name; all discovered ones and those of `outcomes` if no name.

    A name that is not discovered must be one of `outcomes`: its model learns as the discovered
    one of the same kind does. Raises LauncherError.
    """
    known: dict[str, Model] = {m.spec.name: m for m in discover()}
    wanted = list(dict.fromkeys(names)) or [*known, *(n for n in outcomes if n not in known)]
    for name in [*wanted, *outcomes]:
        if name not in known and name not in outcomes:
            raise LauncherError(
                f"there is no model {name!r}",
                hint=f"there are {', '.join([*known, *(r.name for r in RECOMMENDERS)])}; or say "
                "its outcome, with "
                f'--outcome "{name}: no commerce.purchases within 14d" or in the mapping',
            )
    return [_model(name, outcomes.get(name), known) for name in wanted]


def named(outcomes: Sequence[str], models: Sequence[str]) -> dict[str, str]:
    """Outcomes of the command line by model: "NAME: words", or words where one model is named.

    >>> named(["spend: amount of commerce.purchases within 4w"], [])
    {'spend': 'amount of commerce.purchases within 4w'}
    """
    found: dict[str, str] = {}
    for text in outcomes:
        name, colon, words = text.partition(":")
        if not colon:
            name, words = (models[0] if len(models) == 1 else "outcome"), text
        name = name.strip()
        if not name.isidentifier():
            raise LauncherError(f"{name!r} is no name of a model", hint="letters, digits and _")
        if name in found:
            raise LauncherError(
                f"two outcomes are of the model {name!r}", hint='name them: "NAME: outcome"'
            )
        found[name] = words.strip()
    return found


def _model(name: str, words: str | None, known: Mapping[str, Model]) -> Model:
    if words is None:
        return known[name]
    wanted: Wanted = parse(words)
    amount = wanted.outcome.form == "amount"
    alike = [m for m in known.values() if (m.spec.link == "amount") == amount]
    like = known.get(name)
    if like is None or like not in alike:
        if not alike:
            raise LauncherError(f"no model learns what {words!r} asks for")
        like = min(alike, key=lambda m: m.spec.outcome.form != wanted.outcome.form)
    eligible = wanted.eligible or like.spec.eligible
    excluded = like.spec.excluded if wanted.excluded is None else wanted.excluded
    own = like.spec.outcome
    spec = replace(
        like.spec, name=ModelName(name), outcome=wanted.outcome, eligible=eligible,
        excluded=excluded,
        early=like.spec.early
        and (own.form, own.kinds) == (wanted.outcome.form, wanted.outcome.kinds),
    )  # fmt: skip
    return replace(like, spec=spec)
