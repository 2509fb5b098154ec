"""The result as a table for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.table import Table

from launcher.evaluation.result import Figures, ModelResult, Result

FORMS: dict[str, tuple[str, Callable[[float], str]]] = {
    "auc": ("AUC", "{:.3f}".format),
    "logloss": ("log-loss", "{:.3f}".format),
    "ece": ("calibration error", "{:.3f}".format),
    "mae": ("mean error", "{:,.2f}".format),
    "recall10": ("recall@10", "{:.4f}".format),
    "ndcg10": ("NDCG@10", "{:.4f}".format),
    "recall10_repeat": ("of repeats", "{:.4f}".format),
    "recall10_explore": ("of new items", "{:.4f}".format),
}


def table(result: Result) -> Table:
    """One row a model and column of predictions."""
    shown = [key for key in FORMS if any(key in f for _, f in _all(result))]
    title = f"{result.events:,} events of {result.profiles:,} people in {result.seconds:,.1f} s"
    made = Table(title=title, title_justify="left")
    for name in ("model", "predicted by", "examples", "positives"):
        made.add_column(name, justify="left" if name[0] in "m" or "by" in name else "right")
    for key in shown:
        made.add_column(FORMS[key][0], justify="right")
    for name, model in result.models.items():
        for n, (column, figures) in enumerate(columns(model)):
            first = [name, column, f"{model.examples:,}", f"{model.positives:,}"]
            head = first if n == 0 else ["", column, "", ""]
            cells = [FORMS[k][1](figures[k]) if k in figures else "" for k in shown]
            made.add_row(*head, *cells)
        made.add_row(f"[dim]{model.outcome}[/]", end_section=True)
    return made


def columns(model: ModelResult) -> Iterator[tuple[str, Figures]]:
    """Online first."""
    yield "afflux, online", model.figures
    yield from ((f"batch, {n}" if n != "baseline" else n, f) for n, f in model.batch.items())
    yield from model.baselines.items()


def _all(result: Result) -> Iterator[tuple[str, Figures]]:
    for model in result.models.values():
        yield from columns(model)
