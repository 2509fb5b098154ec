"""Outcomes in words are understood, and mistakes are pointed at."""

from __future__ import annotations

import pytest

from afflux.columns import Kind
from afflux.limits import DAY_MS, HOUR_MS
from afflux.outcomes import Eligible, Outcome
from launcher.errors import LauncherError
from launcher.evaluation.choice import choose, named
from launcher.evaluation.outcome_words import OutcomeError, parse
from models import discover

BUY = (Kind.PURCHASE,)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("no commerce.purchases within 14d", Outcome("will_not", BUY, 14 * DAY_MS)),
        ("any commerce.purchases within 36h", Outcome("will", BUY, 36 * HOUR_MS)),
        ("Amount of commerce.purchases within 4 weeks", Outcome("amount", BUY, 28 * DAY_MS)),
        (
            "all of commerce.purchases and advertising.impressions within 1w",
            Outcome("will_all", (Kind.PURCHASE, "advertising.impressions"), 7 * DAY_MS),
        ),
        (
            "any commerce.purchases, commerce.checkouts, or commerce.productViews within 2 days",
            Outcome("will", (Kind.PURCHASE, Kind.CHECKOUT, "commerce.productViews"), 2 * DAY_MS),
        ),
        (
            "any commerce.productListViews or commerce.productViews within 2 days",
            Outcome("will", (Kind.PRODUCT_VIEW,), 2 * DAY_MS),
        ),
        ("acme.demoBooked within 14d", Outcome("will", ("acme.demoBooked",), 14 * DAY_MS)),
        (
            'all web.formFilledOut and "demo booked" within 14d',
            Outcome("will_all", ("web.formFilledOut", "demo booked"), 14 * DAY_MS),
        ),
        ("amount of acme.rent within 30d", Outcome("amount", ("acme.rent",), 30 * DAY_MS)),
    ],
)
def test_words_are_understood(words: str, outcome: Outcome) -> None:
    """Every form, lists of types, and every unit of time; all types of a kind are the kind."""
    assert parse(words).outcome == outcome


def test_eligibility_is_part_of_the_words() -> None:
    """It may be left out: then the model's own rule stays."""
    assert parse("no commerce.purchases within 14d").eligible is None
    after = parse("no commerce.purchases within 14d after 3 views").eligible
    assert after == Eligible("views", 3.0)
    booked = parse("any commerce.purchases within 14d after 1 acme.demoBooked within 30d")
    assert booked.eligible == Eligible("acme.demoBooked", 1.0, 30 * DAY_MS)
    assert booked.excluded is None


def test_exclusions_are_part_of_the_words() -> None:
    """One or several, at any time or lately; they become part of the model."""
    words = "acme.demoBooked within 14d after 2 views unless acme.left within 90d, or 3 purchases"
    excluded = (Eligible("acme.left", 1.0, 90 * DAY_MS), Eligible("purchases", 3.0))
    assert parse(words).excluded == excluded
    [model] = choose(["demo"], {"demo": words})
    assert model.spec.excluded == excluded
    assert model.spec.eligible == Eligible("views", 2.0)


@pytest.mark.parametrize(
    ("words", "marked", "why"),
    [
        ("", "^", "is missing"),
        ("never commerce.purchases within 14d", "^^^^^", "begins with"),
        ("no commerce.purchases in 14d", "^^", '"within"'),
        ("no commerce.purchases within", "^", "is missing"),
        ("no commerce.purchases within soon", "^^^^", "is no duration"),
        ("no commerce.purchases within 14 moons", "^^^^^", "no unit"),
        ("no commerce.purchases within 0d", "^^", "longer than nothing"),
        ("no commerce.purchases within 14d please", "^^^^^^", "only"),
        ("no commerce.purchases within 14d after 2 moons", "^^^^^", "not counted"),
        ("no commerce.purchases within 14d after two purchases", "^^^", "no number"),
        ("no commerce.purchases within 14d after 2 purchases now", "^^^", "only"),
        ("no or within 14d", "^^", "event type is expected"),
        ("a.b within 14d after 2 views within 3d", "^^", "only the last time is kept"),
        ("a.b within 14d unless", "^", "is missing"),
        ("a.b within 14d unless revenue", "^^^^^^^", "not counted"),
    ],
)
def test_mistakes_are_pointed_at(words: str, marked: str, why: str) -> None:
    """The message shows the words with marks below the one that is wrong."""
    with pytest.raises(OutcomeError, match=why) as raised:
        parse(words)
    _, shown, marks = raised.value.message.splitlines()
    assert shown == f"  {words}"
    assert marks.strip() == marked
    if words and not marks.endswith(" " * 2 + "^"):
        start = marks.index("^")
        assert shown[start : start + len(marked)] == shown[start:].split(" ")[0].rstrip(",")


def test_models_by_name_and_by_outcome() -> None:
    """A discovered model keeps its recipe under another outcome; a new name learns alike."""
    outcomes = named(["soon: any commerce.purchases within 7d"], ["churn"])
    churn, soon = choose(["churn", "soon"], outcomes)
    assert churn.spec.name == "churn"
    assert soon.spec.name == "soon"
    assert soon.recipe in [m.recipe for m in discover() if m.spec.outcome.form == "will"]
    [longer] = choose(["churn"], named(["no commerce.purchases within 28d"], ["churn"]))
    assert longer.spec.outcome.window_ms == 28 * DAY_MS
    assert longer.spec.name == "churn"


@pytest.mark.parametrize(
    ("outcomes", "why"), [(["a b: no x"], "no name"), (["no x", "no y"], "two outcomes")]
)
def test_outcomes_need_names(outcomes: list[str], why: str) -> None:
    """Names are words, and one model has one outcome."""
    with pytest.raises(LauncherError, match=why):
        named(outcomes, [])


def test_unknown_models_are_refused() -> None:
    """With the names that there are."""
    with pytest.raises(LauncherError, match="no model 'chrun'") as raised:
        choose(["chrun"], {})
    assert "churn" in raised.value.hint


def test_another_outcome_is_not_learned_early() -> None:
    """That is a choice for what is rare; the same thing in another window is as rare."""
    other = {
        "soon": "any commerce.purchases within 7d",
        "all": "all of commerce.purchases and advertising.impressions within 1w",
        "coupon_conversion": "any commerce.couponRedemptions or decisioning.propositionInteract "
        "within 7d",
    }
    found = {m.spec.name: m.spec.early for m in choose([*other], other)}
    assert found == {"soon": False, "all": False, "coupon_conversion": True}
