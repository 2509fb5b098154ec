"""Errors of Kafka that pass are waited for, not for ever; others are told at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]
from confluent_kafka import KafkaError, KafkaException

from streams import log_ends as module
from streams.errors import BrokerUnavailable
from streams.log_ends import log_ends
from streams.retriable import retried

NOT_LEADER, REFUSED = 6, 29
TPS = [("model-updates", 0), ("model-updates", 1)]


class _Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses = 0

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1


def test_what_passes_is_asked_again() -> None:
    """After some pauses the answer comes."""
    time, left = _Time(), [NOT_LEADER] * 4

    def ask() -> str:
        if left:
            raise KafkaException(KafkaError(left.pop()))
        return "there"

    assert retried(ask, clock=lambda: time.now, pause=time.pause) == "there"
    assert time.pauses == 4


@pytest.mark.parametrize(("code", "least"), [(NOT_LEADER, 3), (REFUSED, 0)])
def test_there_is_a_limit(code: int, least: int) -> None:
    """What does not pass in time, or never does, is raised as it came."""
    time = _Time()

    def ask() -> str:
        raise KafkaException(KafkaError(code))

    with pytest.raises(KafkaException) as caught:
        retried(ask, patience_s=1.0, clock=lambda: time.now, pause=time.pause)
    assert caught.value.args[0].code() == code
    assert time.pauses >= least
    assert time.now < 2


class _Client:
    """A broker that answers with these codes before it answers with offsets."""

    def __init__(self, codes: list[int]) -> None:
        self.codes = codes
        self.refreshed = 0
        self.cluster = SimpleNamespace(leader_for_partition=lambda tp: 1)

    async def force_metadata_update(self) -> None:
        self.refreshed += 1

    async def send(self, node: int, request: Any) -> Any:
        partitions = [number for _, number in TPS]
        if isinstance(request, FetchRequest):
            found: list[Any] = [(number, 0, 9, b"") for number in partitions]
        else:
            code = self.codes.pop(0) if self.codes else 0
            found = [(number, code, 0, 4) for number in partitions]
        return SimpleNamespace(topics=[("model-updates", found)])


async def test_the_ends_of_logs_wait_for_a_leader() -> None:
    """A partition whose leader is just being elected has ends a moment later."""
    client = _Client([NOT_LEADER, 5, NOT_LEADER])
    assert await log_ends(client, TPS) == dict.fromkeys(TPS, (4, 9))
    assert client.refreshed == 3


@pytest.mark.parametrize(("code", "tries"), [(NOT_LEADER, 2), (REFUSED, 0)])
async def test_the_ends_of_logs_do_not_wait_for_ever(
    code: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names what was asked for, and comes at once where waiting is in vain."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    client = _Client([code] * 1000)
    with pytest.raises(BrokerUnavailable, match="model-updates-0"):
        await log_ends(client, TPS)
    assert client.refreshed >= tries
    assert (client.refreshed == 0) == (tries == 0)
