"""A learner with challengers is a fold: blocks, restarts and repeats change nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models import churn, lifetime_value
from models.commands import Command
from models.contract import Model, ModelError, NewtonRecipe
from models.figures import figures_of
from models.history import Entry
from models.model_learner import ModelLearner
from models.roster import Rules
from models.snapshot import Snapshot, decode, encode, version_of
from models_drift import FEATURES, drifting, with_challengers

N, CHANGE = 3_000, 800
RULES = Rules(least=256, risk=0.1, margin=0.0, probation=900, least_back=128)
"""Quick ones, so that a short log has promotions and rollbacks."""

MODELS = [
    with_challengers(churn.MODEL, "fast_forget", "linear"),
    with_challengers(lifetime_value.MODEL, "fast_forget"),
]


def learner(model: Model) -> ModelLearner:
    """A new one."""
    return ModelLearner(model, FEATURES, rules=RULES)


@pytest.fixture(scope="module", params=MODELS, ids=lambda m: m.spec.name)
def model(request: pytest.FixtureRequest) -> Model:
    """One with several challengers, and a hurdle with one."""
    found: Model = request.param
    return found


@pytest.fixture(scope="module")
def undisturbed(model: Model) -> bytes:
    """The snapshot after the whole log at once."""
    made = learner(model)
    made.learn(drifting(model, N, CHANGE), range(N))
    kinds = [entry.kind for entry in made.judge.history.entries]
    assert "drift" in kinds
    assert "promotion" in kinds
    return encode(made.snapshot(N))


@pytest.mark.parametrize("seed", range(5))
def test_restarts_anywhere_give_the_same_bytes(model: Model, undisturbed: bytes, seed: int) -> None:
    """The process dies at any examples and goes on from the bytes of its snapshot."""
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, N), seed))
    size = chance.choice([37, 128, 1_000])
    examples, made = drifting(model, N, CHANGE), learner(model)
    for start, end in zip([0, *cuts], [*cuts, N], strict=True):
        again = learner(model)
        again.restore(decode(encode(made.snapshot(start)), FEATURES))
        made = again
        for at in range(max(0, start - 50), end, size):
            made.learn(examples, range(at, min(at + size, end)))
    assert encode(made.snapshot(N)) == undisturbed


def test_commands_are_carried_out_once_and_go_on_after_a_restart(model: Model) -> None:
    """Promote, roll back and hold, resume: each is in the history once, whatever is repeated."""
    examples = drifting(model, 2_000, 2_000)
    name = model.spec.name
    stored: dict[int, bytes] = {}

    def find(version: int) -> Snapshot | None:
        return decode(stored[version]) if version in stored else None

    def run(restart: bool) -> tuple[bytes, list[Entry]]:
        made = ModelLearner(model, FEATURES, rules=Rules(by_rule=False))
        steps: list[tuple[int, Callable[[], Command]]] = [
            (600, lambda: Command("1", "promote", name, challenger="fast_forget")),
            (1_000, lambda: Command("2", "rollback", name, version=early, hold=True)),
            (1_500, lambda: Command("3", "resume", name)),
            (1_600, lambda: Command("4", "promote", name, challenger="nobody")),
            (1_700, lambda: Command("5", "rollback", name, version=12)),
        ]
        at = early = 0
        for end, command in [*steps, (2_000, None)]:
            made.learn(examples, range(at, end))
            if at == 0:
                data = encode(made.snapshot(end))
                early = version_of(data)
                stored[early] = data
            for _ in range(2 if command else 0):
                if command is not None:
                    made.carry_out(command(), find)
                if restart:
                    again = ModelLearner(model, FEATURES, rules=Rules(by_rule=False))
                    again.restore(decode(encode(made.snapshot(end)), FEATURES))
                    made = again
            at = end
        return encode(made.snapshot(2_000)), made.judge.history.entries

    data, entries = run(restart=False)
    assert run(restart=True)[0] == data
    commanded = [e for e in entries if e.by == "command"]
    assert [e.kind for e in commanded] == [
        "promotion", "rollback", "resumption", "refusal", "refusal",
    ]  # fmt: skip
    assert [e.example for e in commanded] == [600, 1_000, 1_500, 1_600, 1_700]
    assert commanded[1].figures["examples_back"] == 400
    assert "nobody is no challenger" in commanded[3].text
    assert "no snapshot 000000000000000c" in commanded[4].text


def test_a_rollback_serves_the_older_snapshot(model: Model) -> None:
    """Right after it all that scorers need is that of the snapshot; held, it stays so."""
    examples, made = drifting(model, 1_500, 700), learner(model)
    made.learn(examples, range(600))
    old = made.snapshot(600)
    made.learn(examples, range(600, 1_200))
    assert made.snapshot(1_200).linear.weights.tolist() != old.linear.weights.tolist()
    command = Command("1", "rollback", model.spec.name, version=version_of(encode(old)), hold=True)
    entry = made.carry_out(command, lambda _: decode(encode(old)))
    assert entry is not None
    made.learn(examples, range(1_200, 1_500))
    now = made.snapshot(1_500)
    assert (now.held, now.champion) == (True, old.champion)
    assert now.linear.weights.tolist() == old.linear.weights.tolist()
    assert (now.calibration, now.shifts.tolist()) == (old.calibration, old.shifts.tolist())
    assert figures_of(now).metrics["evaluated"] == 1_500
    assert made.carry_out(Command("2", "resume", model.spec.name)) is not None
    made.learn(drifting(model, 1_700, 700), range(1_500, 1_700))
    assert made.snapshot(1_700).linear.weights.tolist() != old.linear.weights.tolist()


def test_a_promotion_that_was_none_is_taken_back() -> None:
    """A recipe that learns nothing, promoted by command: the former one comes back by rule."""
    stuck = {"stuck": NewtonRecipe("log", damping=1e9)}
    model = replace(churn.MODEL, challengers=stuck)
    examples, made = drifting(model, 3_000, 3_000), learner(model)
    made.learn(examples, range(1_500))
    made.carry_out(Command("1", "promote", model.spec.name, challenger="stuck"))
    assert made.roster.champion == "stuck"
    made.learn(examples, range(1_500, 3_000))
    back = [e for e in made.judge.history.entries if e.kind == "rollback"]
    assert [e.by for e in back] == ["rule"]
    assert back[0].figures["challenger_loss"] < back[0].figures["champion_loss"]
    assert made.roster.champion == "default"


def test_challengers_that_come_and_go() -> None:
    """A new one starts from what the champion knows; who is gone is gone; the champion stays."""
    plain, both = churn.MODEL, with_challengers(churn.MODEL, "fast_forget", "linear")
    examples = drifting(plain, 1_000, 1_000)
    made = learner(plain)
    made.learn(examples, range(1_000))
    joined = learner(both)
    joined.restore(decode(encode(made.snapshot(1_000)), FEATURES))
    new = joined.roster.contenders
    assert set(new) == {"default", "fast_forget", "linear"}
    x = examples.vector[:5]
    assert (
        new["fast_forget"].linear.predict(x).tolist() == new["default"].linear.predict(x).tolist()
    )
    assert not new["linear"].linear.predict(x).any()
    joined.carry_out(Command("1", "promote", plain.spec.name, challenger="fast_forget"))
    left = learner(plain)
    left.restore(decode(encode(joined.snapshot(1_000)), FEATURES))
    assert set(left.roster.contenders) == {"default", "fast_forget"}
    assert left.roster.champion == "fast_forget"
    assert np.array_equal(
        left.roster.serving.linear.predict(x), new["fast_forget"].linear.predict(x)
    )


@pytest.mark.parametrize("line", ["churn", "chrun:linear", "churn:quick"])
def test_challengers_that_there_are_not(line: str) -> None:
    """The message says which models and recipes there are."""
    from models.challengers import challenged

    with pytest.raises(ModelError, match=r"churn|fast_forget, linear, long_memory"):
        challenged([churn.MODEL], [line])
