"""What a person may ask of a running learner. Commands travel in the log of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from afflux.names import ModelName

Action = Literal["promote", "rollback", "resume"]
ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do with one model.

    promote: a challenger serves from now on. rollback: what a snapshot's champion knew serves
    again, and learns on or is held. resume: a champion that is held learns again.
    """

    id: str
    """Another one each time: a command is carried out once."""
    action: Action
    model: ModelName
    challenger: str = ""
    version: int = 0
    """Of the snapshot to go back to."""
    hold: bool = False

    def words(self) -> str:
        """The command as it is said.

        >>> Command("1", "promote", ModelName("churn"), "linear").words()
        'promote churn linear'
        """
        target = self.challenger or (f"{self.version:016x}" if self.version else "")
        return " ".join(part for part in (self.action, self.model, target) if part)
