"""What became of a model, and why: drifts, promotions, rollbacks; who, and the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

EntryKind = Literal["drift", "promotion", "rollback", "resumption", "refusal"]
By = Literal["rule", "command"]

_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a model."""

    kind: EntryKind
    at: int
    """Event time, ms: the latest at which any example so far was closed."""
    example: int
    """Number of examples that the model had learned."""
    by: By
    text: str
    """What happened, in a line."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The evidence."""
    command: str = ""
    """Id of the command that asked for it."""

    def as_json(self) -> dict[str, Any]:
        """As snapshots and `afflux models history --json` have it."""
        return {**asdict(self), "figures": dict(self.figures)}

    @staticmethod
    def from_json(facts: Mapping[str, Any]) -> Entry:
        """The other way. Raises KeyError, TypeError, ValueError."""
        return Entry(
            cast(EntryKind, str(facts["kind"])), int(facts["at"]), int(facts["example"]),
            cast(By, str(facts["by"])), str(facts["text"]),
            {str(k): float(v) for k, v in facts["figures"].items()}, str(facts["command"]),
        )  # fmt: skip


class History:
    """The newest entries, and how many drifts there were in all."""

    def __init__(self, entries: Iterable[Entry] = (), drifts: tuple[int, int] = (0, 0)) -> None:
        self.entries = list(entries)
        self.drifts = drifts
        """How often the loss has risen, and fallen."""
        self._news: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Remember it, forget the oldest."""
        if entry.kind == "drift":
            worse, better = self.drifts
            rose = entry.figures["loss_after"] > entry.figures["loss_before"]
            self.drifts = (worse + rose, better + (not rose))
        self.entries = [*self.entries, entry][-_REMEMBERED:]
        self._news.append(entry)

    def news(self) -> list[Entry]:
        """Entries since this was asked last."""
        news, self._news = self._news, []
        return news

    def knows(self, command: str) -> bool:
        """Whether this command was carried out, or refused."""
        return any(entry.command == command for entry in self.entries)
