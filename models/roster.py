"""Who learns a model: the champion, which is served, and the challengers in its shadow.

All learn the same examples. At every moment that states are kept (`models/as_of.py`) the rules look
at the duels of champion and challengers:

    promotion   a challenger has been better over at least `least` examples, surely (`duel.py`), and
                over the recent ones by at least `margin` of the champion's loss; the best of those
    rollback    within `probation` examples of a promotion the former champion, which has gone on
                learning in shadow, is surely better; or the served loss has risen (ADWIN) and the
                former champion was better over the recent examples

Both are judged by what they would have said at the openings. That is fair between them, and not
quite what was served: the champion's own served scores are judged beside it (`progressive.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64
from models.challengers import DEFAULT
from models.contender import Contender
from models.contract import Arrays, Model, ModelError, Recipe, Vectors
from models.duel import Duel, Verdict
from models.evaluation import log_losses
from models.history import Entry
from models.learners import Engine, state_goes_on


@dataclass(frozen=True, slots=True)
class Rules:
    """When a challenger is promoted, and a promotion taken back, without anybody's command."""

    by_rule: bool = True
    least: int = 1_024
    """Examples that a promotion needs."""
    margin: float = 0.01
    """Share of the champion's recent loss by which the challenger must be better."""
    risk: float = 0.005
    """Of promoting one that is not better, for each 8,192 examples."""
    probation: int = 8_192
    """Examples after a promotion during which it may be taken back."""
    least_back: int = 256
    """Examples that taking back needs."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Consecutive examples with their labels."""

    vectors: Vectors
    labels: F64
    opened: I64
    closed: I64


class Roster:
    """The contenders of one model by name."""

    def __init__(
        self,
        model: Model,
        features: Sequence[str],
        rules: Rules,
        engine: Engine = "array",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """clock: seconds of any steady clock, for `costs`; it decides nothing."""
        self._clock = clock or (lambda: 0.0)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._examples: defaultdict[str, int] = defaultdict(int)
        self.model, self.features, self.rules, self.engine = model, tuple(features), rules, engine
        declared = {DEFAULT: model.recipe, **model.challengers}
        self.contenders = {name: self._new(recipe) for name, recipe in declared.items()}
        self.duels = {name: Duel() for name in model.challengers}
        self.champion = DEFAULT
        self.former = ""
        """Whom the last promotion replaced, while it may still be taken back."""
        self.held = False
        """The champion does not learn."""
        self.alarmed = False
        """The served loss has risen since the last promotion."""
        self.untried = 0
        """Examples of the probation that are left."""

    def _new(self, recipe: Recipe) -> Contender:
        return Contender(self.model, recipe, self.features, self.engine)

    @property
    def serving(self) -> Contender:
        """The champion."""
        return self.contenders[self.champion]

    @property
    def costs(self) -> dict[str, float]:
        """What each one has cost, µs an example."""
        return {n: 1e6 * self._seconds[n] / max(self._examples[n], 1) for n in self.contenders}

    @property
    def looks_back(self) -> bool:
        """Whether anything is judged by what it would have said."""
        return len(self.contenders) > 1 or self.serving.hurdle is not None

    def judge(self, part: Labelled) -> None:
        """Compare champion and challengers, by what they would have said at the openings."""
        if not self.duels:
            return
        losses = {}
        for name, contender in self.contenders.items():
            began = self._clock()
            values, _ = contender.past.said(part.vectors, part.opened)
            losses[name] = self._losses(values, part.labels)
            self._seconds[name] += self._clock() - began
        for name, duel in self.duels.items():
            pairs = np.stack([losses[self.champion], losses[name]], axis=1)
            duel.add(pairs[np.isfinite(pairs).all(axis=1)])

    def _losses(self, values: F64, labels: F64) -> F64:
        if self.model.spec.link == "amount":
            return np.abs(values - labels)
        return np.where(np.isnan(values), np.nan, log_losses(values, labels))

    def learn(self, part: Labelled) -> None:
        """Everybody learns these; a champion that is held does not."""
        for name, contender in self.contenders.items():
            began = self._clock()
            if not (self.held and name == self.champion):
                contender.learn(part.vectors, part.labels, part.opened, part.closed)
            self._seconds[name] += self._clock() - began
            self._examples[name] += len(part.labels)
        self.untried = max(0, self.untried - len(part.labels))
        if not self.untried:
            self.former, self.alarmed = "", False

    def keep(self, time: float) -> None:
        """What everybody says from now on is remembered."""
        for contender in self.contenders.values():
            contender.past.keep(time, contender.scorer())

    def alarm(self) -> None:
        """The served loss has risen: duels start anew, on what is now."""
        self.alarmed = bool(self.former)
        self.duels = {name: Duel() for name in self.duels}

    def decide(self, at: int, example: int) -> Entry | None:
        """Let the rules speak; what they have changed."""
        if not self.rules.by_rule:
            return None
        back = self._back()
        if back is not None:
            gone, former = self.champion, self.former
            why = "its served loss has risen" if self.alarmed else "it is surely better"
            self._crown(former, probation=0)
            text = f"{former} serves again instead of {gone}: {why}"
            return Entry("rollback", at, example, "rule", text, back.as_figures())
        best = self._best()
        if best is None:
            return None
        name, verdict = best
        text = f"{name} serves instead of {self.champion}: better on the same examples"
        self._crown(name, self.rules.probation)
        return Entry("promotion", at, example, "rule", text, verdict.as_figures())

    def _back(self) -> Verdict | None:
        verdict = self.verdict(self.former) if self.former else None
        if verdict is None or verdict.examples < self.rules.least_back:
            return None
        better = verdict.second < verdict.first
        return verdict if better and (verdict.surely > 0 or self.alarmed) else None

    def _best(self) -> tuple[str, Verdict] | None:
        if self.held:
            return None
        found = []
        for name in self.duels:
            v = self.verdict(name)
            if v is None or v.examples < self.rules.least or v.surely <= 0:
                continue
            if v.first - v.second >= self.rules.margin * v.first:
                found.append((v.gain, name, v))
        return max(found)[1:] if found else None

    def verdict(self, name: str) -> Verdict | None:
        """How a challenger stands; None while too little is known."""
        return self.duels[name].verdict(self.rules.risk)

    def promote(self, name: str) -> Verdict | None:
        """This one serves from now on; how it stood. Raises ModelError: there is none such."""
        if name not in self.duels:
            others = ", ".join(self.duels) or "none"
            raise ModelError(
                f"{name} is no challenger of {self.model.spec.name}; there is {others}"
            )
        verdict = self.verdict(name)
        self._crown(name, self.rules.probation)
        return verdict

    def put(self, name: str, contender: Contender, held: bool) -> None:
        """This one, as it was once, serves from now on."""
        self.contenders[name] = contender
        self._crown(name, probation=0)
        self.held = held

    def _crown(self, name: str, probation: int) -> None:
        self.former = self.champion if probation else ""
        self.champion, self.held, self.alarmed, self.untried = name, False, False, probation
        self.duels = {other: Duel() for other in self.contenders if other != name}

    def state(self) -> dict[str, NDArray[Any]]:
        """What there is beside the champion's own state."""
        arrays: dict[str, NDArray[Any]] = {"roster.untried": np.array([self.untried])}
        for name, duel in self.duels.items():
            arrays |= under(f"duel:{name}.", duel.state())
            arrays |= under(f"challenger:{name}.", self.contenders[name].state())
        return arrays

    def load(self, champion: str, recipes: Mapping[str, Recipe], arrays: Arrays) -> None:
        """Go on from there; the champion's own state is loaded by the caller.

        recipes: of all that there were. A challenger that is new starts from what the champion
        knows if it learns in the same way, else from nothing. One that is not declared any more is
        gone, unless it is the champion or the one that may come back.
        """
        self.champion = champion
        self.untried = int(arrays["roster.untried"][0])
        for name in (champion, self.former):
            if name and name not in self.contenders:
                self.contenders[name] = self._new(recipes[name])
        self.duels = {name: Duel() for name in self.contenders if name != champion}
        for name, duel in self.duels.items():
            contender, mine = self.contenders[name], named(arrays, f"challenger:{name}.")
            kind = self._new(recipes[name]).kind if name in recipes else ""
            if mine and state_goes_on(contender.kind, kind):
                contender.load_state(mine)
                duel.load(named(arrays, f"duel:{name}."))

    def start_new_ones(self, known: Mapping[str, Recipe]) -> None:
        """Challengers that were not there before begin with what the champion knows."""
        for name, contender in self.contenders.items():
            if name not in known and contender.kind == self.serving.kind:
                contender.load_state(self.serving.state())
                contender.past.forget()


def under(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """The same arrays, their names with a prefix."""
    return {prefix + name: array for name, array in arrays.items()}


def named(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    """Those whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
