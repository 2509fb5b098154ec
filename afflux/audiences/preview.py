"""What a rule would do, before it is saved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afflux.audiences.program import Frame, Program


@dataclass(frozen=True, slots=True)
class Preview:
    """Of one audience, over the people of a frame."""

    asked: int
    inside: int
    undecided: int
    """People for whom the rule comes to an error, such as a missing attribute: not inside."""
    timed: int
    """People whose membership may change with no event."""
    some: tuple[int, ...]
    """Rows of the first people inside."""

    @property
    def share(self) -> float:
        """Of the people asked, those inside."""
        return self.inside / self.asked if self.asked else 0.0


def preview(program: Program, audience: str, frame: Frame, most: int = 10) -> Preview:
    """Ask a program that has the new rule about people; nothing is kept."""
    answer = program.run(frame)
    at = program.names.index(audience)
    rows = np.flatnonzero(answer.inside[:, at])
    return Preview(
        asked=len(frame.now),
        inside=len(rows),
        undecided=int(answer.undecided[:, at].sum()),
        timed=int((answer.deadline[:, at] > 0).sum()),
        some=tuple(rows[:most].tolist()),
    )
