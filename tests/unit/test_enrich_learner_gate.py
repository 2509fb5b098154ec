"""Back-pressure: scoring waits for a learner that works, and not for one that is gone."""

from __future__ import annotations

from streams.enrich.learner_gate import LearnerGate


class FakeLearner:
    """Learns `step` examples at every refresh."""

    def __init__(self, step: int) -> None:
        self.learned_offset = 0
        self.step = step
        self.refreshes = 0

    async def refresh(self) -> None:
        """Learn."""
        self.refreshes += 1
        self.learned_offset += self.step


class FakeClock:
    """Half a second passes at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time, a little later."""
        self.now += 0.5
        return self.now


async def test_waits_until_the_lag_is_small() -> None:
    """With a working learner the gate opens exactly when the lag is within bounds."""
    learner = FakeLearner(step=10)
    gate = LearnerGate(learner, lag=50, patience=100, clock=FakeClock())
    await gate.wait(100)
    assert learner.learned_offset == 50
    assert not gate.left_behind


async def test_does_not_wait_within_bounds() -> None:
    """A learner that is close enough costs no look at the store."""
    learner = FakeLearner(step=1)
    await LearnerGate(learner, lag=50, patience=100, clock=FakeClock()).wait(50)
    assert learner.refreshes == 0


async def test_a_dead_learner_is_left_behind_and_missed_no_longer() -> None:
    """After the patience is used up the gate opens, and opens at once the next time."""
    learner = FakeLearner(step=0)
    gate = LearnerGate(learner, lag=5, patience=3, clock=FakeClock())
    await gate.wait(100)
    assert gate.left_behind
    before = learner.refreshes
    await gate.wait(200)
    assert learner.refreshes == before


async def test_a_learner_that_comes_back_is_waited_for_again() -> None:
    """Progress after an outage closes the gate again until the lag is small."""
    learner = FakeLearner(step=0)
    gate = LearnerGate(learner, lag=5, patience=3, clock=FakeClock())
    await gate.wait(100)
    learner.step, learner.learned_offset = 10, 20
    await gate.wait(100)
    assert learner.learned_offset >= 95
    assert not gate.left_behind
