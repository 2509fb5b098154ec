"""A random round of everything that can happen to workers and to Redis."""

from __future__ import annotations

import os
import signal
from collections import Counter
from time import sleep
from typing import Any

from crash_nursery import Life, until
from crash_site import Site
from crash_worker import POINTS


class Round:
    """Up to two workers on one site; `happened` counts what befell them."""

    def __init__(self, site: Site) -> None:
        self.site, self.rng = site, site.rng
        self.happened: Counter[str] = Counter()
        self.lives: dict[str, Life] = {}
        self.stopped: set[int] = set()
        self.names = "ab"[: self.rng.choice((1, 2, 2))]
        self.job: dict[str, Any] = {
            "commit_rows": self.rng.choice((4, 20, 500)),
            "max_records": self.rng.choice((5, 25, 200)),
            "session_timeout_ms": self.rng.choice((1_500, 4_000)),
            "heartbeat_interval_ms": 300,
        }

    def run(self, steps: int) -> None:
        """Seasons with an accident in each, then the rest undisturbed."""
        accidents = (
            self._kill, self._kill, self._stop_and_go_on, self._replace_a_stopped_one,
            self._older_redis, self._redis_hangs, self._redis_restarts, self._clean_stop,
        )  # fmt: skip
        for _ in range(steps):
            self._raise_dead()
            self.site.produce_season(self.rng.randint(60, 300), self.rng.choice((20, 60)))
            self._some_progress()
            accident = self.rng.choice(accidents)
            self.happened[accident.__name__.strip("_")] += 1
            accident()
        self._end()

    def _raise_dead(self) -> None:
        """Start who is missing, half of them bound to die at a named point."""
        for name in self.names:
            life = self.lives.get(name)
            if life is None or not life.alive:
                if life is not None and life.job.point and life.code == -signal.SIGKILL:
                    self.happened[life.job.point] += 1
                point = self.rng.choice(("", *POINTS)) if self.rng.random() < 0.5 else ""
                self.lives[name] = self.site.start(
                    name, point=point, occasion=self.rng.randint(1, 15), **self.job
                )

    def _some_progress(self) -> None:
        """A random part of what there is to fold, unless all have died of it."""
        now, end = self.site.progress(), sum(self.site.ends().values())
        target = self.rng.randint(now, max(now, end - 20))
        until(
            lambda: self.site.progress() >= target or not any(x.alive for x in self.lives.values()),
            self._what_they_say,
        )

    def _what_they_say(self) -> str:
        alive = [life for life in self.lives.values() if life.alive]
        return f"{self.site.heads()}\n" + "\n".join(life.what_it_awaits() for life in alive)

    def _one(self) -> Life | None:
        alive = [life for life in self.lives.values() if life.alive]
        return self.rng.choice(alive) if alive else None

    def _signal(self, life: Life, number: signal.Signals) -> None:
        if life.alive:  # it may be about to die at its point
            life.send(number)

    def _may_die(self, life: Life) -> None:
        """Not between a late announcement and its correction, which nobody else can make."""
        if life.pid in self.stopped and life.alive:
            life.rest()

    def _kill(self) -> None:
        sleep(self.rng.uniform(0, 0.05))
        if (life := self._one()) is not None:
            self._may_die(life)
            if life.alive:
                life.kill()

    def _clean_stop(self) -> None:
        if (life := self._one()) is not None and not life.job.point:
            self._may_die(life)
            life.stop()

    def _stop_and_go_on(self) -> None:
        if (life := self._one()) is not None and not life.job.point:
            self.stopped.add(life.pid)
            self._signal(life, signal.SIGSTOP)
            self.site.produce_events(50)
            sleep(self.rng.uniform(0.2, 4))
            self._signal(life, signal.SIGCONT)

    def _replace_a_stopped_one(self) -> None:
        """As an orchestrator does that thinks it dead: another life of the same static member.

        The old one goes on for a while. Two that live on would take the group from each other.
        """
        if (life := self._one()) is not None and not life.job.point:
            self.stopped.add(life.pid)
            self._signal(life, signal.SIGSTOP)
            name = next(n for n, other in self.lives.items() if other is life)
            self.lives[name] = self.site.start(name, **self.job)
            sleep(self.rng.uniform(0.5, 3))
            self._signal(life, signal.SIGCONT)
            sleep(self.rng.uniform(0, 1))
            self._may_die(life)
            if life.alive:
                life.kill()

    def _older_redis(self) -> None:
        copy = self.site.back_up()
        self.site.produce_events(50)
        sleep(self.rng.uniform(0, 1))
        self.site.restore(copy, gently=self.rng.random() < 0.5)

    def _redis_hangs(self) -> None:
        os.kill(self.site.redis.pid, signal.SIGSTOP)
        sleep(self.rng.uniform(0, 3))
        os.kill(self.site.redis.pid, signal.SIGCONT)

    def _redis_restarts(self) -> None:
        self.site.redis.stop()
        sleep(self.rng.uniform(0, 2))
        self.site.redis.start()
        self.site.connect()

    def _end(self) -> None:
        for life in self.lives.values():
            self._may_die(life)
            if life.alive:
                life.kill()
        self.site.produce_season(60)
        self.site.finish(commit_rows=self.job["commit_rows"])
