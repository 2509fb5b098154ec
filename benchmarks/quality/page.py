"""The results as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TITLES = {
    "completejourney": "The Complete Journey (simulated by its publisher from real households)",
    "cdnow": "CDNOW (real purchases)",
}
_RANKING = {
    "recall10": "recall@10",
    "ndcg10": "NDCG@10",
    "recall10_repeat": "recall of repeats",
    "recall10_explore": "recall of new items",
    "recall10_whole": "of the whole basket",
}
_HEAD = """# Quality beside weekly batch training

Every purchase opens an example. "afflux" learns one example at a time and is judged by what it
had served; LightGBM and logistic regression are trained anew each week on all labels known by then,
with the same features; all are judged on exactly the same rows. "baseline" is the share of
positives (the median amount) known at that moment. `make quality` writes this page;
benchmarks/README.md says more.

Next baskets: "frequency" ranks what a person bought by its frequency, halved in 90 days, with
popularity to break ties and to fill; it keeps every item of everybody, "afflux" 64 a person.
recall@10 is hits / min(10, items of the basket), "of the whole basket" is hits / items. Repeats are
items that the person had bought before, new items all others; each is averaged over the baskets
that have some.
"""


def page(found: Mapping[str, Any]) -> str:
    """All of it."""
    return "\n".join([_HEAD, *(line for name in found for line in _part(name, found[name]))])


def _part(name: str, result: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {_TITLES.get(name, name)}\n"
    if result["models"]:
        yield from _predictions(result)
    if result.get("baskets"):
        yield from _baskets(result)


def _predictions(result: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{result['events']:,} events of {result['profiles']:,} people; predictions from "
        f"{result['from']} on.\n"
    )
    yield "| model | outcome | examples | positives | predicted by | AUC | log-loss | ECE | MAE |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for model, figures in result["models"].items():
        about = f"{model} | {figures['outcome']} | {figures['examples']:,} | "
        about += f"{figures['positives']:,}"
        yield _row(about, "**afflux**", figures)
        for column, of_batch in figures.get("batch", {}).items():
            yield _row(" | | | ", column, of_batch)
    yield ""


def _baskets(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"Next baskets: lists of ten, judged by the basket; baskets from {result['from']} on.\n"
    names = ", ".join(name for name in _RANKING.values())
    yield f"| model | baskets | items | ranked by | {names.replace(', ', ' | ')} |"
    yield "|---|---|---|---" + "|---" * len(_RANKING) + "|"
    for model, figures in result["baskets"].items():
        about = f"{model} | {figures['examples']:,} | {figures['positives']:,}"
        yield _ranked(about, "**afflux**", figures)
        for column, of_column in figures["baselines"].items():
            yield _ranked(" | | ", column, of_column)
    yield ""


def _ranked(about: str, column: str, figures: Mapping[str, Any]) -> str:
    cells = [f"{figures[k]:.4f}" if k in figures else "" for k in _RANKING]
    return f"| {about} | {column} | {' | '.join(cells)} |"


def _row(about: str, column: str, figures: Mapping[str, Any]) -> str:
    cells = [f"{figures[k]:.4f}" if k in figures else "" for k in ("auc", "logloss", "ece")]
    cells.append(f"{figures['mae']:.2f}" if "mae" in figures else "")
    return f"| {about} | {column} | {' | '.join(cells)} |"
