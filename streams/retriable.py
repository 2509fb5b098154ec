"""Errors of Kafka that pass by themselves: a leader is being elected, a broker starts.

By number, since our two client libraries name them differently. librdkafka's own `retriable()` is
only ever true for transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from streams.backoff import Backoff

Answer = TypeVar("Answer")

PATIENCE_S = 5.0
"""How long an error that passes is waited for."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5

PASSING = frozenset(
    {
        5,  # LEADER_NOT_AVAILABLE
        6,  # NOT_LEADER_OR_FOLLOWER
        7,  # REQUEST_TIMED_OUT
        9,  # REPLICA_NOT_AVAILABLE
        13,  # NETWORK_EXCEPTION
        14,  # COORDINATOR_LOAD_IN_PROGRESS
        15,  # COORDINATOR_NOT_AVAILABLE
        16,  # NOT_COORDINATOR
        41,  # NOT_CONTROLLER
        56,  # KAFKA_STORAGE_ERROR
        74,  # FENCED_LEADER_EPOCH
        75,  # UNKNOWN_LEADER_EPOCH
        78,  # OFFSET_NOT_AVAILABLE
        100,  # UNKNOWN_TOPIC_ID
    }
)


def retried(
    ask: Callable[[], Answer],
    *,
    patience_s: float = PATIENCE_S,
    clock: Callable[[], float] = monotonic,
    pause: Callable[[float], None] = sleep,
) -> Answer:
    """What `ask` answers, asked again while it raises an error that passes, but not for ever.

    Raises the KafkaException of the last time.
    """
    until = clock() + patience_s
    backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    while True:
        try:
            return ask()
        except KafkaException as error:
            if not passes(error.args[0]) or clock() > until:
                raise
            pause(backoff.next())


def passes(error: KafkaError) -> bool:
    """Whether an answer of the broker is one that passes by itself.

    >>> passes(KafkaError(6)), passes(KafkaError(29))
    (True, False)
    """
    return error.code() in PASSING
