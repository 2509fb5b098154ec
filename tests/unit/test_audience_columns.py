"""The columns of rules are what rows, scores and attributes say."""

from __future__ import annotations

import numpy as np

from afflux.attributes import Value as Attribute
from afflux.audiences.profile_columns import ProfileColumns
from afflux.audiences.typed import Type
from afflux.audiences.values import Value
from afflux.audiences.vocabulary import Vocabulary
from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.outcome import Batch, Fetched, StepOutcome
from afflux.position import Position, TopicPosition, Watermark
from afflux.shards import shard_of
from afflux.step import StepSettings, step
from audience_cases import START
from audience_rules import compile_rules
from core_cases import CATALOG, columns, linear_scorer

SHARDS = 4
DECLARED = {"age": Type.INT, "income": Type.DOUBLE, "tier": Type.STRING, "member": Type.BOOL}
WORDS = Vocabulary.of_catalog(CATALOG, DECLARED)
EVENTS = columns(
    [
        (0, START, "crm:1", "a", Kind.PURCHASE, 40.0),
        (1, START + DAY_MS, "crm:1", "b", Kind.PURCHASE, 2.5),
        (2, START + 2 * DAY_MS, "crm:1", "c", Kind.PRODUCT_VIEW, 0.0),
        (3, START + DAY_MS, "crm:2", "d", Kind.PAGE_VIEW, 0.0),
    ]
)


def folded() -> StepOutcome:
    """Two people after their events."""
    n = len(EVENTS.identities)
    shard = shard_of(EVENTS.identity_hash, SHARDS)
    fetched = Fetched(EVENTS.identities, shard, CATALOG.new_fragments(n), CATALOG.new_served(n))
    positions = {s: Position(CATALOG.layout, (TopicPosition(b"t" * 16, 0),)) for s in range(SHARDS)}
    return step(
        Batch(0, 0, 4, EVENTS), Watermark(), fetched, positions, CATALOG, linear_scorer(),
        StepSettings(SHARDS),
    )  # fmt: skip


OUTCOME = folded()
ATTRIBUTES: tuple[dict[str, Attribute], ...] = (
    {"age": 30, "income": 5, "tier": "gold", "member": True},
    {"age": 3.5, "income": "much", "tier": 7, "member": 1},
)


def frame() -> ProfileColumns:
    """The two people, three days after the start."""
    now = np.full(2, START + 3 * DAY_MS)
    return ProfileColumns(CATALOG, OUTCOME.fragment, OUTCOME.served, ATTRIBUTES, now)


def column(*path: str) -> Value:
    """One column."""
    return frame().column(WORDS.columns[path])


def test_features_are_those_of_the_models() -> None:
    """As of the last event, whatever `now` is."""
    matrix = CATALOG.matrix(OUTCOME.fragment, OUTCOME.fragment["last_ts"])
    for i, name in enumerate(CATALOG.features):
        assert column("profile", name).data.tolist() == matrix[:, i].tolist()


def test_history_is_in_plain_units() -> None:
    """Totals, decayed sums and times of events."""
    assert column("events", "purchases", "total").data.tolist() == [2, 0]
    assert column("events", "revenue", "total").data.tolist() == [42.5, 0.0]
    assert column("events", "views", "last").data.tolist() == [START + 2 * DAY_MS, START + DAY_MS]
    assert column("events", "events", "last").data.tolist() == [START + 2 * DAY_MS, START + DAY_MS]
    never = column("events", "purchases", "last")
    assert never.data[0] == START + DAY_MS
    assert never.error is not None
    assert never.error.tolist() == [False, True]
    decayed = column("events", "purchases", "decayed_7d").data
    np.testing.assert_allclose(decayed, [2 ** (-2 / 7) + 2 ** (-1 / 7), 0.0], rtol=1e-3)


def test_scores_are_the_served_ones() -> None:
    """Of a model by name; missing before the first score."""
    at = [str(m.name) for m in CATALOG.models].index("lifetime_value")
    value = column("scores", "lifetime_value", "value")
    assert value.data.tolist() == OUTCOME.served["value"][:, at].tolist()
    bucket = column("scores", "lifetime_value", "bucket")
    assert [bucket.words[i] for i in bucket.data] == [
        ("low", "medium", "high")[b] for b in OUTCOME.served["bucket"][:, at]
    ]
    new = ProfileColumns(
        CATALOG, CATALOG.new_fragments(1), CATALOG.new_served(1), [{}], np.array([START])
    )
    for part in ("value", "percentile", "bucket", "trusted"):
        error = new.column(WORDS.columns["scores", "churn", part]).error
        assert error is not None
        assert error.all()


def test_attributes_have_their_declared_type_or_are_missing() -> None:
    """An int is a double where one is declared; nothing else is turned into anything."""
    for name, value in (("age", 30), ("income", 5.0), ("member", True)):
        found = column("attributes", name)
        assert found.data[0] == value
        assert found.error is not None
        assert found.error.tolist() == [False, True]
    tier = column("attributes", "tier")
    assert tier.words[tier.data[0]] == "gold"
    assert tier.error is not None
    assert tier.error.tolist() == [False, True]


def test_attributes_beyond_64_bits() -> None:
    """Numbers that do not fit are missing; the others stay."""
    people: list[dict[str, Attribute]] = [{"age": 2**63, "income": 10**400}, {"age": 3}]
    people[1]["income"] = 2**63
    new = ProfileColumns(
        CATALOG, CATALOG.new_fragments(2), CATALOG.new_served(2), people, np.full(2, START)
    )
    for name, value in (("age", 3), ("income", 2.0**63)):
        found = new.column(WORDS.columns["attributes", name])
        assert found.data[1] == value
        assert found.error is not None
        assert found.error.tolist() == [True, False]


def test_rules_over_real_rows() -> None:
    """Every kind of name in rules, over rows that a step made."""
    rules = {
        "recent": "now - events.purchases.last <= duration('48h')",
        "lost": "!has(events.purchases.last) || now - events.purchases.last >= duration('336h')",
        "good": "events.revenue.total > 40 && scores.churn.value < 1.0 && profile.tenure > 0.5",
        "gold": "attributes.tier in ['gold', 'platinum'] && audiences.good",
    }
    program = compile_rules(rules, WORDS)
    answer = program.run(frame())
    assert answer.inside.tolist() == [[True, False, True, True], [False, True, False, False]]
    end = START + 3 * DAY_MS + 1
    assert answer.deadline[0].tolist() == [end, START + 15 * DAY_MS, 0, 0]
