"""Answers that were given lately, by a mark of all that they depend on: they cannot be stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.profile_reading import Answer


class RecentAnswers:
    """The last `most` of them; 0: none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: dict[str, Answer] = {}

    def get(self, mark: str) -> Answer | None:
        """The answer of this mark, if it is still here."""
        answer = self._answers.pop(mark, None)
        if answer is not None:
            self._answers[mark] = answer
        return answer

    def clear(self) -> None:
        """Keep nothing."""
        self._answers.clear()

    def put(self, mark: str, answer: Answer) -> None:
        """Keep an answer, in place of the one that was asked for least lately."""
        if self._most:
            self._answers[mark] = answer
            if len(self._answers) > self._most:
                del self._answers[next(iter(self._answers))]
