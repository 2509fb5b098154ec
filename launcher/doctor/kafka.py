"""Is Kafka there, with the topics as they must be?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from launcher.doctor.finding import Finding, bad, good, note
from profile_store.dataset_definitions import Datasets
from streams.admin import Admin, TopicState
from streams.dataset_topics import all_topics, inputs
from streams.errors import BrokerUnavailable
from streams.topics import TOPICS, Topic

BUILT_IN = Datasets()

_CREATE = "`afflux topics create` makes what is missing"


def check_kafka(
    admin: Admin, partitions: int, brokers: str, datasets: Datasets
) -> Iterator[Finding]:
    """Findings about broker and topics."""
    try:
        cluster = admin.cluster_id()
        states = admin.describe([t.name for t in all_topics(datasets)], configs=True)
    except BrokerUnavailable as error:
        yield bad("kafka", str(error), "is AFFLUX_KAFKA_BOOTSTRAP right, and the broker up?")
        return
    yield good("kafka", f"{brokers}, cluster {cluster}")
    yield from check_topics(states, partitions, datasets)


def check_topics(
    states: Mapping[str, TopicState], partitions: int, datasets: Datasets = BUILT_IN
) -> Iterator[Finding]:
    """Findings about the topics that the broker has."""
    topics = all_topics(datasets)
    missing = [t.name for t in topics if t.name not in states]
    if missing:
        yield bad("topics", f"missing: {', '.join(missing)}", _CREATE)
    problems = list(_partitions(states, partitions, datasets))
    for topic in topics:
        if topic.name in states:
            problems += _policy(topic, states[topic.name])
    yield from problems
    if not missing and not problems:
        yield good("topics", f"{len(topics)} topics, inputs with {partitions} partitions each")


def _partitions(
    states: Mapping[str, TopicState], partitions: int, datasets: Datasets
) -> Iterator[Finding]:
    alike = {t.name: states[t.name].partitions for t in inputs(datasets) if t.name in states}
    if len(set(alike.values())) > 1:
        counts = ", ".join(f"{name} has {n}" for name, n in alike.items())
        yield bad(
            "topics", f"input topics are not partitioned alike: {counts}",
            "make them anew with the same number of partitions",
        )  # fmt: skip
    elif alike and set(alike.values()) != {partitions}:
        there = next(iter(alike.values()))
        yield bad(
            "topics", f"input topics have {there} partitions, AFFLUX_PARTITIONS says {partitions}",
            f"set AFFLUX_PARTITIONS={there}",
        )  # fmt: skip
    for topic in TOPICS:
        state = states.get(topic.name)
        if state is not None and topic.partitions and state.partitions != topic.partitions:
            yield bad(
                "topics", f"{topic.name} has {state.partitions} partitions, not {topic.partitions}"
            )


def _policy(topic: Topic, state: TopicState) -> Iterator[Finding]:
    if not state.configs:
        return  # the embedded broker does not tell
    policy = state.configs.get("cleanup.policy", "delete")
    if policy != topic.cleanup:
        yield bad(
            "topics", f"{topic.name} has cleanup.policy {policy}, must be {topic.cleanup}",
            f"set cleanup.policy={topic.cleanup} on it",
        )  # fmt: skip
    stamp = state.configs.get("message.timestamp.type", "CreateTime")
    if topic.log_append_time and stamp != "LogAppendTime":
        yield note(
            "topics", f"{topic.name} has message.timestamp.type {stamp}: producers decide what is "
            "late and what retention takes; LogAppendTime is safer",
        )  # fmt: skip
