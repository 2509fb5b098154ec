"""JSON lines, origins, score lines and profiles in words: the text that goes in and comes out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from afflux.names import EpochMs, EventId, Identity, ModelName, ProfileId
from launcher.commands.rekey import Rekeyer, key_reader
from launcher.json_lines import CHUNK, messages
from launcher.origins import HEADER, Note, Origin, Seen, origin_of
from launcher.profile_view import panel
from launcher.score_feed import lines
from profile_store import Affinity, Engagement, Factor, Profile, Score
from streams.consume import Record
from streams.encoding import contract_schema, encode_events, primary_identities
from streams.json_events import primary, with_millis
from streams.message_writer import writer
from streams.newest import Newest, chosen


def _event(id: str, **changes: Any) -> dict[str, Any]:
    who = {"email": [{"id": "a@b", "primary": True}]}
    return {"_id": id, "timestamp": 1, "identityMap": who, **changes}


def _text(events: list[Any]) -> list[str]:
    return [e if isinstance(e, str) else json.dumps(e) for e in events]


def test_bad_lines_are_found_wherever_they_stand() -> None:
    """Over several chunks: every bad line has its number, every other one its value."""
    events: list[Any] = [_event(str(n)) for n in range(2 * CHUNK + 100)]
    bad = {1, 17, CHUNK, CHUNK + 1, 2 * CHUNK + 100}
    for number in bad:
        events[number - 1] = _event("", identityMap={})
    good, problems = [], []
    for some, wrong in messages(_text(events), encode_events):
        good += some
        problems += wrong
    assert {p.number for p in problems} == bad
    assert [m.number for m in good] == [n for n in range(1, len(events) + 1) if n not in bad]
    assert {m.key for m in good} == {b"email:a@b"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (_event("1", timestamp="soon"), "/timestamp"),
        (_event("1", timestamp="2025-13-01"), "/timestamp"),
        (_event("1", unknown=1), "unknown"),
        (_event("1", timestamp=None), "/timestamp"),
        (_event("1", productListItems=[{"quantity": "two"}]), "/productListItems/0/quantity"),
    ],
)
def test_the_field_at_fault_is_named(line: Any, message: str) -> None:
    """Each problem says where."""
    ((good, problems),) = messages(_text([_event("0"), "", line]), encode_events)
    assert len(good) == 1
    assert problems[0].number == 3
    assert message in str(problems[0])


def test_times_may_be_text() -> None:
    """ISO 8601 with and without zone (then UTC); numbers are left alone."""
    assert with_millis({"timestamp": "2025-01-01T01:00:00+01:00"})["timestamp"] == 1735689600000
    assert with_millis({"timestamp": "2025-01-01"})["timestamp"] == 1735689600000
    assert with_millis({"timestamp": 5}) == {"timestamp": 5}


def test_the_key_is_the_identity_that_workers_see() -> None:
    """The same as the decoder's primary identity, flagged or first."""
    events = [
        _event("1"),
        _event("2", identityMap={"b": [{"id": "1"}, {"id": "2"}], "a": [{"id": "3"}]}),
        _event("3", identityMap={"b": [{"id": "1"}], "a": [{"id": "x:y", "primary": True}]}),
    ]
    batch = writer("ExperienceEvent").columns(events)
    assert batch.schema.names == contract_schema("ExperienceEvent").names
    assert [primary(e) for e in events] == primary_identities(batch)


def test_a_note_of_other_logs_is_not_believed(tmp_path: Path) -> None:
    """A topic that was made anew starts from nothing; so does a damaged file."""
    path = tmp_path / "note.json"
    logs = ("a@01", "b@02")
    Note(logs, {0: 5}, {1: 7}).write(path)
    assert Note.read(path, logs) == Note(logs, {0: 5}, {1: 7})
    assert Note.read(path, ("a@03", "b@02")) == Note(("a@03", "b@02"))
    path.write_text("{")
    assert Note.read(path, logs) == Note(logs)


def test_what_is_there_is_seen_by_origin() -> None:
    """Below the noted offset, or by header; another topic's origins say nothing."""
    seen = Seen("old@1", {0: 10})
    seen.add([(HEADER, Origin("old@1", 0, 12).encode()), ("x", b"")])
    seen.add([(HEADER, Origin("old@2", 0, 13).encode())])
    seen.add([(HEADER, b"nonsense")])
    assert [(0, o) in seen for o in (9, 10, 12, 13)] == [True, False, True, False]
    assert (1, 5) not in seen
    assert origin_of([]) is None


def test_rekeying_takes_the_key_from_the_value() -> None:
    """Null and wrong keys are mended; what cannot be read keeps its key, or its partition."""
    value = encode_events([_event("1")])[0]
    rekeyer = Rekeyer(4, key_reader(None))

    def record(key: bytes | None, value: bytes | None, partition: int = 6) -> Record:
        return Record("old", partition, 0, 0, key, value, (("h", b"1"),))

    assert rekeyer.one(record(b"wrong", value)).key == b"email:a@b"
    assert rekeyer.one(record(None, value)).headers == (("h", b"1"),)
    assert rekeyer.one(record(b"kept", b"{}")).key == b"kept"
    lost = rekeyer.one(record(None, b"{}"))
    assert (lost.key, lost.partition) == (None, 2)
    assert rekeyer.unreadable == 2


def _update(**changes: Any) -> dict[str, Any]:
    score = {
        "model": "churn", "version": "0" * 16, "value": 0.25, "score": 25, "percentile": 0,
        "bucket": "low", "trusted": True, "previous": 0.5,
        "factors": [{"feature": "f1", "contribution": -0.5}],
    }  # fmt: skip
    amount = {**score, "model": "lifetime_value", "value": 812.5, "score": 90, "trusted": False}
    return {
        "identity": "a:1", "identities": ["a:1", "b:2"], "positionOffset": 5,
        "positionVersion": 1, "scores": [score, amount], **changes,
    }  # fmt: skip


def test_subscribers_keep_the_newest() -> None:
    """A repeat and an older update are dropped; another person's is not."""
    newest = Newest()
    seen = [
        newest.is_new(_update()),
        newest.is_new(_update()),
        newest.is_new(_update(positionVersion=2)),
        newest.is_new(_update(positionOffset=4, positionVersion=9)),
        newest.is_new(_update(identity="b:2")),
    ]
    assert seen == [True, False, True, False, True]
    assert newest.dropped == 2


def test_updates_are_chosen_by_any_identity_and_model() -> None:
    """Linked identities count; an update without a wanted score is none."""
    assert chosen(_update(), "b:2", ()) == _update()
    assert chosen(_update(), "c:3", ()) is None
    one = chosen(_update(), None, ["churn"])
    assert one is not None
    assert [s["model"] for s in one["scores"]] == ["churn"]
    assert chosen(_update(), None, ["other"]) is None


def test_a_score_line_says_what_changed_and_why() -> None:
    """Probabilities in percent, amounts as money, reasons in words."""
    churn, value = lines(_update(), {"f1": "days since last purchase"}, {"lifetime_value"})
    assert churn == "a:1  churn 25 % down (low)  because of days since last purchase: -10"
    assert value.startswith("a:1  lifetime_value 812.50 up (low, not trusted yet)")


@pytest.mark.parametrize(("value", "shown"), [(0.0, "0.00"), (1.0, "1.00"), (0.4, "0.40")])
def test_a_small_amount_is_no_percentage(value: float, shown: str) -> None:
    """An amount of 0 or 1 is money, whatever its score is."""
    (score,) = _update()["scores"][1:]
    update = _update(scores=[{**score, "value": value, "score": round(100 * value)}])
    (line,) = lines(update, {}, {"lifetime_value"})
    assert line.startswith(f"a:1  lifetime_value {shown} ")


def test_a_profile_reads_as_sentences() -> None:
    """Who, what happened, what is expected and why; nothing about what never happened."""
    engagement = Engagement(
        EpochMs(1_483_271_606_000), EpochMs(1_514_000_000_000), EpochMs(1_513_000_000_000),
        12, 2, 30.0, 5.0, 0, 0, 1, 0,
    )  # fmt: skip
    score = Score(
        ModelName("churn"), "no purchase within 14 days", "0" * 16, 0.73, 73, 81, "high", True,
        (Factor("f", "days since last purchase", 1.25), Factor("g", "nothing", 0.0)), 0.5,
        Identity(b"a:1"), EventId("e-1"), EpochMs(1_514_000_000_000), 7,
    )  # fmt: skip
    profile = Profile(
        ProfileId("a:1"), (Identity(b"a:1"), Identity(b"b:2")), EpochMs(0),
        {"householdSize": "3", "tier": "gold"}, engagement, scores={score.model: score},
    )  # fmt: skip
    into = io.StringIO()
    Console(file=into, width=110).print(panel(profile))
    text = into.getvalue()
    for part in (
        "a:1, b:2", "household size: 3, tier: gold", "known since 1 January 2017",
        "2 purchases for 30.00 (15.00 each, 5 items), last on 11 December 2017",
        "1 campaign seen", "churn  73 %  no purchase within 14 days; high, above 81 % of all",
        "before 50 %", "because of days since last purchase: +29", "as of event e-1",
    ):  # fmt: skip
        assert part in text
    assert "nothing" not in text
    assert "coupon" not in text


def test_a_profile_shows_the_strongest_interests() -> None:
    """A few of each kind that is known, by their names; and it is said that none is."""
    things = tuple(Affinity(f"{n}", f"thing {n}", 100 - n, 0.1, 4.0) for n in range(7))
    shown = _shown({"categories": things, "tags": ()})
    assert "interest in categories: thing 0 100, " in shown
    assert "thing 4 96 and 2 more" in shown
    assert "interest in tags" not in shown
    nothing = _shown({"categories": (), "tags": ()})
    assert "no interest in products or content is known yet" in nothing


def _shown(affinities: dict[str, tuple[Affinity, ...]]) -> str:
    out = io.StringIO()
    profile = Profile(ProfileId("p"), (Identity(b"crm:1"),), EpochMs(1), affinities=affinities)
    Console(file=out, width=120).print(panel(profile))
    return out.getvalue()
