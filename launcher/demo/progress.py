"""The progress of a replay: a live bar on a terminal, clean lines everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from launcher.demo.result import Quality

_LINE_EVERY_S = 2.0


@dataclass(frozen=True)
class Moment:
    """Where a replay stands."""

    elapsed_s: float
    sent: int
    folded: int
    total: int
    per_s: float
    """Records folded a second, lately."""
    waiting_s: float
    """How long ago the record was sent that is folded now."""
    quality: Mapping[str, Quality] = field(default_factory=dict)

    @property
    def lag(self) -> int:
        """Records sent and not folded."""
        return max(0, self.sent - self.folded)


def headline(moment: Moment) -> str:
    """Speed, lag and freshness in words.

    >>> headline(Moment(3.0, 900, 800, 1000, 250.4, 0.0123))
    '250 events/s   lag 100   behind by 12 ms'
    """
    speed = f"{moment.per_s:,.0f} events/s"
    return f"{speed}   lag {moment.lag:,}   behind by {duration(moment.waiting_s)}"


def quality_line(name: str, quality: Quality) -> str:
    """A model's live quality in words.

    >>> quality_line("churn", Quality(1200, 1000, auc=0.8123, ece=0.0312))
    'churn: AUC 0.81, calibration error 0.03, 1,200 examples'
    """
    parts = []
    if quality.auc is not None:
        parts.append(f"AUC {quality.auc:.2f}")
    if quality.mae is not None:
        parts.append(f"mean error {quality.mae:.2f}")
    if quality.ece is not None:
        parts.append(f"calibration error {quality.ece:.2f}")
    return f"{name}: " + ", ".join([*parts, f"{quality.examples:,} examples"])


def brief(name: str, quality: Quality) -> str:
    """The one figure that says most, for lines that hold all models.

    >>> brief("churn", Quality(1200, 1000, auc=0.8123, ece=0.0312)), brief("churn", Quality(0, 0))
    ('churn AUC 0.81', 'churn -')
    """
    if quality.auc is not None:
        return f"{name} AUC {quality.auc:.2f}"
    return f"{name} -" if quality.mae is None else f"{name} error {quality.mae:,.2f}"


def duration(seconds: float) -> str:
    """A time as a person says it.

    >>> [duration(s) for s in (0.0042, 0.25, 3.21, 75)]
    ['4 ms', '250 ms', '3.2 s', '75 s']
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


class Display(Protocol):
    """Shows moments while in its `with`."""

    def show(self, moment: Moment) -> None:
        """The replay stands here now."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def display(console: Console, title: str, total: int) -> Display:
    """The bar on a terminal, else lines."""
    return Bar(console, title, total) if console.is_terminal else Lines(console, title)


class Bar:
    """A bar that moves, with figures below, a line a model."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"), TimeElapsedColumn(),
            console=console,
        )  # fmt: skip
        self._task = self._progress.add_task(title, total=total)
        self._live = Live(self._progress, console=console, refresh_per_second=8)

    def show(self, moment: Moment) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=moment.folded)
        lines = [headline(moment)]
        lines += [quality_line(name, quality) for name, quality in moment.quality.items()]
        self._live.update(Group(self._progress, *(Text("  " + x, style="dim") for x in lines)))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()


class Lines:
    """A line every two seconds, and one at the end."""

    def __init__(self, console: Console, title: str) -> None:
        self._console, self._title = console, title
        self._next = 0.0
        self._last: Moment | None = None

    def show(self, moment: Moment) -> None:
        """A line, if it is time for one."""
        self._last = moment
        if moment.elapsed_s >= self._next:
            self._next = moment.elapsed_s + _LINE_EVERY_S
            self._print(moment)

    def _print(self, moment: Moment) -> None:
        parts = [f"{self._title}: {moment.folded:,} of {moment.total:,}", headline(moment)]
        parts += [brief(name, quality) for name, quality in moment.quality.items()]
        self._console.print("   ".join(parts), markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._last is not None:
            self._print(self._last)
