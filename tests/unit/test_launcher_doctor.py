"""What `afflux doctor` makes of topics and positions, without servers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from afflux.position import Position, TopicPosition
from launcher.doctor.contracts import check_contracts, check_registry
from launcher.doctor.kafka import check_topics
from launcher.doctor.store import check_positions
from launcher.setting_groups import RegistrySettings
from streams.admin import TopicState
from streams.ports import TP, LogRange
from streams.topics import INPUT_TOPICS, TOPICS

IDS = {t.name: t.name.encode().ljust(16)[:16] for t in INPUT_TOPICS}


def _states(partitions: int = 4) -> dict[str, TopicState]:
    return {
        t.name: TopicState(
            t.name, b"", t.partitions or partitions, 1,
            {"cleanup.policy": t.cleanup}
            | ({"message.timestamp.type": "LogAppendTime"} if t.log_append_time else {}),
        )
        for t in TOPICS
    }  # fmt: skip


def test_topics_as_they_should_be_are_one_good_finding() -> None:
    """Nothing else is said."""
    (finding,) = check_topics(_states(), 4)
    assert (finding.state, finding.what) == ("good", "topics")


def test_missing_topics_are_named_with_the_command() -> None:
    """All of them in one finding."""
    states = _states()
    del states["score-updates"], states["experience-events.dlq"]
    (finding,) = check_topics(states, 4)
    assert finding.state == "bad"
    assert "score-updates, experience-events.dlq" in finding.message
    assert "afflux topics create" in finding.hint


def test_inputs_that_are_not_partitioned_alike_are_refused() -> None:
    """Both counts are told."""
    states = _states()
    states["profile-attributes"] = replace(states["profile-attributes"], partitions=3)
    (finding,) = check_topics(states, 4)
    assert "experience-events has 4, profile-attributes has 3" in finding.message


def test_another_number_of_partitions_names_the_setting() -> None:
    """The hint is what to set."""
    (finding,) = check_topics(_states(6), 4)
    assert finding.hint == "set AFFLUX_PARTITIONS=6"


def test_a_wrong_policy_is_bad_and_a_risky_one_noted() -> None:
    """A compacted event topic loses events; CreateTime is only less safe."""
    states = _states()
    states["experience-events"] = replace(
        states["experience-events"], configs={"cleanup.policy": "compact"}
    )
    found = list(check_topics(states, 4))
    assert [f.state for f in found] == ["bad", "note"]
    assert "cleanup.policy compact, must be delete" in found[0].message


def _logs(end: int = 10) -> dict[TP, LogRange]:
    return {(t.name, p): LogRange(IDS[t.name], 0, end) for t in INPUT_TOPICS for p in range(2)}


def _position(offset: int, topic_id: bytes | None = None) -> bytes:
    topics = tuple(TopicPosition(topic_id or IDS[t.name], offset) for t in INPUT_TOPICS)
    return Position(1, topics).encode()


def test_positions_at_the_end_of_their_logs_are_good() -> None:
    """Everything is folded."""
    (finding,) = check_positions([_position(10)] * 4, _logs(), 2)
    assert finding.state == "good"
    assert "every record" in finding.message


def test_lag_is_that_of_the_last_shard_of_each_partition() -> None:
    """Two partitions of three topics, the slowest shard of each 3 behind."""
    positions = [_position(7), _position(7), _position(10), _position(10)]
    (finding,) = check_positions(positions, _logs(), 2)
    assert finding.state == "note"
    assert "18 records behind" in finding.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_position(5, b"another topic id"), "another topic's log"),
        (_position(11), "the log has 0 to 10"),
        (b"\x00" * 7, "cut short"),
    ],
)
def test_foreign_and_damaged_positions_are_bad(data: bytes, message: str) -> None:
    """Each with its shard and why; many alike are told once."""
    found = check_positions([_position(10), data, _position(10), data], _logs(), 2)
    assert found[0].state == "bad"
    assert "shard 1" in found[0].message
    assert message in found[0].message
    assert found[0].hint
    assert [f.state for f in found[1:]] == ["note"]


def test_shards_without_a_position_are_noted() -> None:
    """No worker has taken them yet."""
    (finding,) = check_positions([_position(10), b""], _logs(), 2)
    assert "1 of them not begun" in finding.message


def test_contracts_are_good_and_a_dead_registry_is_not() -> None:
    """Nothing listens on port 9: the registry is named with its setting; none set, nothing said."""
    assert [f.state for f in check_contracts()] == ["good"]
    assert not list(check_registry(RegistrySettings.model_validate({})))
    dead = RegistrySettings.model_validate({"url": "http://127.0.0.1:9", "timeout_s": 1})
    (finding,) = check_registry(dead)
    assert finding.state == "bad"
    assert "AFFLUX_REGISTRY_URL" in finding.hint
