"""librdkafka's producer as all of ours are set up, and how its errors are told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from afflux.names import AffluxError
from streams.errors import BrokerUnavailable, MessageRefused
from streams.logs import quiet_librdkafka
from streams.ports import Message
from streams.settings import StreamSettings

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""A dead letter is its source record and headers: larger than what an input topic takes."""

_FOR_GOOD = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
)


def producer_options(settings: StreamSettings, on_error: Any = None) -> dict[str, Any]:
    """Librdkafka's options for all of our producers."""
    options: dict[str, Any] = {
        **settings.librdkafka(),
        "acks": "all",
        "enable.idempotence": True,
        # What Java's and aiokafka's producers do; librdkafka's own default is another hash.
        "partitioner": "murmur2_random",
        "linger.ms": settings.linger_ms,
        "compression.type": settings.compression,
        "message.timeout.ms": 0,  # for ever
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "topic.metadata.propagation.max.ms": 10_000,
        "queue.buffering.max.messages": 500_000,
    }
    if on_error is not None:
        options["error_cb"] = on_error
    return quiet_librdkafka(options)


def produce(
    producer: Producer, message: Message, callback: Any, timestamp: int | None = None
) -> None:
    """Hand one message to librdkafka.

    Raises BufferError when its buffer is full, MessageRefused, BrokerUnavailable.
    """
    options: dict[str, Any] = {}
    if message.partition is not None:
        options["partition"] = message.partition
    if timestamp is not None:
        options["timestamp"] = timestamp
    if message.headers:
        options["headers"] = list(message.headers)
    try:
        producer.produce(message.topic, message.value, message.key, on_delivery=callback, **options)
    except KafkaException as error:
        raise failure(message.topic, error.args[0]) from error


def batches(messages: Sequence[Message]) -> Iterator[tuple[str, Sequence[Message]]]:
    """Runs of messages of one topic that can be handed over in one call."""
    for topic, run in groupby(messages, key=_topic):
        of_topic = list(run)
        if not any(map(_headers, of_topic)) and set(map(_partition, of_topic)) == {None}:
            yield topic, of_topic
            continue
        for single, part in groupby(of_topic, key=_is_single):
            if single:
                yield from ((topic, [message]) for message in part)
            else:
                yield topic, list(part)


_topic, _partition, _headers = itemgetter(0), itemgetter(3), itemgetter(4)


def _is_single(message: Message) -> bool:
    """A batch takes no headers, and ignores the partition of its messages (measured)."""
    return bool(message.headers) or message.partition is not None


def produce_run(
    producer: Producer, topic: str, run: Sequence[Message], callback: Any
) -> Sequence[Message]:
    """Hand over a run of messages; returns those that found no room.

    One call costs a third of as many single ones. Raises MessageRefused, BrokerUnavailable.
    """
    if _is_single(run[0]):
        try:
            produce(producer, run[0], callback)
        except BufferError:
            return run
        return ()
    entries: list[dict[str, Any]] = [{"key": m.key, "value": m.value} for m in run]
    if producer.produce_batch(topic, entries, on_delivery=callback) == len(run):
        return ()
    errors = [entry.get("_error") for entry in entries]
    for error in errors:
        if error is not None and error.code() != KafkaError._QUEUE_FULL:
            raise failure(topic, error)
    return [m for m, error in zip(run, errors, strict=True) if error is not None]


def failure(topic: str, error: KafkaError) -> AffluxError:
    """What it means that a message to this topic was not delivered."""
    kind = MessageRefused if error.code() in _FOR_GOOD else BrokerUnavailable
    return kind(f"{topic}: {error.str()}")
