"""The engine: the same log gives the same figures, and no opening is lost for want of slots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from afflux.codes import Code
from afflux.columns import Kind
from afflux.outcomes import Openings
from launcher.data.compact import compact
from launcher.data.generated import generated
from launcher.errors import LauncherError
from launcher.evaluation import engine as engine_module
from launcher.evaluation.compared import Asked, compared
from launcher.evaluation.engine import Engine, Rules
from launcher.evaluation.event_log import EVENT, EventsInMemory
from launcher.evaluation.judge import Kept
from models import discover

LOG = compact(generated(6_000))
EVERY = Rules(Openings(slots=2, gap_ms=1, kinds=(Kind.PURCHASE,)), widen=True, every=200)


def kept(rules: Rules) -> tuple[Engine, list[np.ndarray]]:
    """The engine after the log, and the examples of each model."""
    sink = Kept()
    engine = Engine(discover(), LOG, rules, sink)
    engine.run()
    found = [sink.of(m) for m in range(len(engine.models))]
    return engine, [np.rec.fromarrays([e.deadline, e.open_ts, e.label, e.served]) for e in found]


def test_slots_are_made_as_they_are_needed() -> None:
    """Growing slots give the very examples that enough of them give from the start."""
    grown, few = kept(EVERY)
    wide, many = kept(replace(EVERY, openings=replace(EVERY.openings, slots=60), widen=False))
    assert 2 < grown.catalog.openings.slots <= wide.catalog.openings.slots
    for a, b in zip(few, many, strict=True):
        assert a.tobytes() == b.tobytes()


def test_every_purchase_opens_one_example() -> None:
    """Of each model that speaks of buyers, but for those whose window is open at the end."""
    engine, examples = kept(EVERY)
    bought = LOG.events[LOG.events["kind"] == Kind.PURCHASE]
    last = int(LOG.events["ts"][-1])
    for model, found in zip(engine.models, examples, strict=True):
        if model.spec.eligible.channel != "purchases":
            continue
        mature = bought["ts"] + model.spec.outcome.deadline_ms < last
        assert len(found) == np.count_nonzero(mature)
    assert not engine.learner.counts.repeats


def test_figures_are_the_same_again() -> None:
    """Nothing depends on the machine or on what ran before."""
    results = [compared(discover(), LOG, EVERY, Asked())[0] for _ in range(2)]
    assert results[0].models == results[1].models
    assert results[0].events == len(LOG)
    assert results[0].profiles == len(LOG.identities)


def test_only_later_predictions_are_judged() -> None:
    """`--from` leaves out what opened before, not what was learned."""
    middle = int(np.median(LOG.events["ts"]))
    whole = compared(discover(), LOG, EVERY, Asked())[0].models
    half = compared(discover(), LOG, EVERY, Asked(since=middle))[0].models
    for name, model in half.items():
        assert 0 < model.examples < whole[name].examples


def test_repeats_are_dropped() -> None:
    """An event with the id of an earlier one is a duplicate, as in the stream."""
    events = np.concatenate([LOG.events[:100], LOG.events[50:]])
    engine = Engine(discover(), EventsInMemory(LOG.identities, events), Rules())
    engine.run()
    assert engine.counters[Code.duplicates] == 50
    assert engine.counters[Code.accepted] == len(LOG)


def test_a_crowd_of_openings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person with thousands of open examples would fill the memory: it is said what to do."""
    monkeypatch.setattr(engine_module, "_MOST_SLOTS", 50)
    events = np.zeros(100, EVENT)
    events["ts"] = 1_483_228_800_000 + np.arange(100)
    events["id"] = np.arange(1, 101)
    events["kind"] = Kind.PURCHASE
    log = EventsInMemory([LOG.identities[0]], events)
    with pytest.raises(LauncherError, match="open at the same time") as raised:
        Engine(discover(), log, EVERY).run()
    assert "gap" in raised.value.hint
