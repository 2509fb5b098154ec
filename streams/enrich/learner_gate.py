"""Back-pressure from the learner, so that quality does not depend on the machine's speed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("afflux.enrich")

_POLL_S = 0.02


class LearnedOffset(Protocol):
    """Where the learner stands."""

    @property
    def learned_offset(self) -> int:
        """Next offset of `training-examples` that is not yet in the current snapshots."""
        ...

    async def refresh(self) -> object:
        """Look for newer snapshots."""
        ...


class LearnerGate:
    """Waits while more than `lag` announced examples are unlearned.

    A learner that makes no progress for `patience` seconds is left behind, with a warning:
    scoring and learning fail on their own.
    """

    def __init__(
        self, learner: LearnedOffset, lag: int, patience: float, clock: Callable[[], float]
    ) -> None:
        self._learner = learner
        self._lag = lag
        self._patience = patience
        self._clock = clock
        self._progress = -1
        self._looking = asyncio.Lock()
        self.left_behind = False

    async def wait(self, examples_end: int) -> None:
        """Returns when the learner has come close enough to `examples_end`, or is given up.

        Partitions that wait at the same time share one look at the store.
        """
        async with self._looking:
            await self._wait(examples_end)

    async def _wait(self, examples_end: int) -> None:
        since = self._clock()
        while (lag := examples_end - self._learner.learned_offset) > self._lag:
            if self._learner.learned_offset > self._progress:
                self._progress, since = self._learner.learned_offset, self._clock()
                self.left_behind = False
            elif self.left_behind:
                return
            elif self._clock() - since > self._patience:
                log.warning(
                    "the learner is %d examples behind and made no progress for %.0f s; scoring "
                    "goes on with the snapshots at hand",
                    lag,
                    self._patience,
                )
                self.left_behind = True
                return
            await asyncio.sleep(_POLL_S)
            await self._learner.refresh()
        self.left_behind = False
