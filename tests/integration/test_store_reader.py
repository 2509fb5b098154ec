"""Reading profiles out of Redis: facts, features, scores, openings, selections."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from afflux.identity import profile_id_of
from afflux.names import Identity
from afflux.wording import say
from core_cases import CATALOG, linear_scorer
from profile_store import (
    AsyncProfileStore,
)
from profile_store.redis_store import RedisShardStore
from store_people import (
    DAY,
    NOON,
    describe,
    fold,
    known,
    purchase,
    stored,
    vector,
    view,
)

pytest_plugins = ["store_reading"]


async def test_one_person(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """Engagement, features, scores and openings are those of the folded events."""
    await fold(
        shards,
        [purchase(1, 0, "crm:1", 30), view(2, 1, "crm:1"), purchase(3, 9, "crm:1", 20),
         view(4, 2, "crm:2")],
    )  # fmt: skip
    profile = await known(reader, "crm", "1")
    assert profile.identities == (b"crm:1",)
    assert profile.profile_id == profile_id_of([Identity(b"crm:1")])
    assert profile.as_of == profile.at == NOON + 9 * DAY
    facts = profile.engagement
    assert facts is not None
    assert (facts.first_seen, facts.last_seen) == (NOON, NOON + 9 * DAY)
    assert (facts.last_purchase, facts.events, facts.purchases) == (NOON + 9 * DAY, 3, 2)
    assert (facts.revenue, facts.items, facts.views, facts.adds) == (50.0, 4.0, 1, 0)
    assert (facts.score, facts.level, facts.trend) == (None, None, "steady")
    expected = vector(await stored(shards, "crm:1"), NOON + 9 * DAY)
    assert list(profile.features) == list(CATALOG.features)
    assert [np.float16(v) for v in profile.features.values()] == [np.float16(v) for v in expected]


async def test_scores(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """Each model's score is the one that the scorer gave for the last event, with its reasons."""
    await fold(
        shards,
        [purchase(1, 0, "crm:1", 30), purchase(2, 0, "crm:2", 30), purchase(7, 9, "crm:1", 20)],
    )
    profile, before = await known(reader, "crm", "1"), await known(reader, "crm", "2")
    scorer = linear_scorer()
    at = np.array([NOON + 9 * DAY], np.int64)
    given = scorer.score(
        CATALOG.matrix(CATALOG.decode_fragments([await stored(shards, "crm:1")]), at)
    )
    assert list(profile.scores) == ["churn", "lifetime_value"]
    for m, score in enumerate(profile.scores.values()):
        assert score.value == given.value[0, m]
        assert score.version == f"{11 + m:016x}"
        assert (score.percentile, score.trusted) == (given.percentile[0, m], True)
        assert (score.event_id, score.event_time) == ("event-7", NOON + 9 * DAY)
        assert (score.event_offset, score.identity) == (7, b"crm:1")
        assert score.previous == before.scores[score.model].value
        names = [CATALOG.features[f] for f in given.factor[0, m]]
        assert [factor.feature for factor in score.factors] == names
        assert [f.phrase for f in score.factors] == [
            say(f.feature, f.value or 0.0) for f in score.factors
        ]
        assert [np.float16(f.contribution) for f in score.factors] == list(given.contribution[0, m])
    churn, value = profile.scores.values()
    assert churn.predicts == "no purchase within 14 days"
    assert churn.score == round(100 * churn.value)
    assert value.score == value.percentile
    assert {churn.bucket, value.bucket} <= {"low", "medium", "high"}


async def test_a_first_score_has_no_previous(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Where there was no score before, `previous` is None and not a number."""
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    profile = await known(reader, "crm", "1")
    assert [score.previous for score in profile.scores.values()] == [None, None]
    assert "NaN" not in profile.to_json()


async def test_open_examples(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """Two openings nine days apart wait for both models, with the value served then."""
    await fold(shards, [purchase(1, 0, "crm:1", 30), purchase(2, 9, "crm:1", 20)])
    profile = await known(reader, "crm", "1")
    hour = DAY // 24
    assert [(e.model, e.opened_at, e.window_ends, e.closes_at) for e in profile.open_examples] == [
        (model, NOON + day * DAY, NOON + (day + window) * DAY, NOON + (day + window) * DAY + hour)
        for day in (0, 9)
        for model, window in (("churn", 14), ("lifetime_value", 28))
    ]
    last = profile.open_examples[2:]
    assert [e.served for e in last] == [s.value for s in profile.scores.values()]
    assert [e.version for e in last] == [f"{11:016x}", f"{12:016x}"]


async def test_features_at_another_time(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """Asked for a later time, features have decayed and recencies have grown."""
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    later = await known(reader, "crm", "1", at=NOON + 30 * DAY)
    assert later.at == NOON + 30 * DAY
    assert later.as_of == NOON
    assert later.features["purchase_recency"] == pytest.approx(math.log1p(30), rel=1e-3)
    expected = vector(await stored(shards, "crm:1"), NOON + 30 * DAY)
    assert [np.float16(v) for v in later.features.values()] == [np.float16(v) for v in expected]


async def test_a_person_of_attributes_only(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Known from the CRM without any event: a profile with attributes and no scores."""
    await describe(shards, "crm:1", 0, {"vip": True})
    for fields in (None, ["engagement"]):
        profile = await known(reader, "crm", "1", fields=fields)
        assert (profile.as_of, profile.scores) == (0, {})
        assert profile.engagement is not None
        assert (profile.engagement.events, profile.engagement.first_seen) == (0, None)
    assert (await known(reader, "crm", "1")).attributes == {"vip": True}


async def test_fields(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """Only what is asked for is there, in the profile and in its dict."""
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    await describe(shards, "crm:1", 1, {"age": 31, "home.city": "Bonn"})
    profile = await known(
        reader, "crm", "1",
        fields=["scores.churn.value", "attributes.home.city", "engagement.purchases"],
    )  # fmt: skip
    assert list(profile.scores) == ["churn"]
    assert (profile.features, profile.open_examples) == ({}, ())
    assert profile.to_dict() == {
        "profile_id": profile.profile_id,
        "identities": ["crm:1"],
        "as_of": NOON,
        "scores": {"churn": {"value": profile.scores[CATALOG.models[0].name].value}},
        "attributes": {"home.city": "Bonn"},
        "engagement": {"purchases": 1},
    }
    some = await known(reader, "crm", "1", fields=["features.tenure", "features.purchases_7d"])
    assert set(some.features) == {"tenure", "purchases_7d"}
    assert set(some.to_dict()) == {"profile_id", "identities", "as_of", "at", "features"}
    with pytest.raises(ValueError, match="no field 'score'"):
        await reader.get("crm", "1", fields=["score.churn"])


async def test_everything_as_json(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """The whole profile is JSON with readable identities."""
    await fold(shards, [purchase(1, 0, "email:zoë@example.org", 30)])
    profile = await known(reader, "email", "zoë@example.org")
    content = json.loads(profile.to_json())
    assert content["identities"] == ["email:zoë@example.org"]
    assert content["scores"]["churn"]["factors"][0]["phrase"]
    assert content["open_examples"][0]["model"] == "churn"
    assert content["engagement"]["revenue"] == 30.0
