"""What each topic holds of a person, and what a delete does there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from afflux.names import Identity
from afflux.shards import murmur2, partition_of
from profile_store.dataset_definitions import Datasets
from streams.dataset_topics import all_topics
from streams.privacy.retention import gone_by
from streams.topics import (
    AUDIENCE_UPDATES,
    EXPERIENCE_EVENTS,
    INPUT_TOPICS,
    MODEL_UPDATES,
    PROFILE_ATTRIBUTE_PATCHES,
    PROFILE_ATTRIBUTES,
    SCORE_UPDATES,
    TRAINING_EXAMPLES,
    Topic,
    dead_letters,
)

Configs = Mapping[str, Mapping[str, str]]
"""Topic -> its settings as the broker has them now; absent where it is not there."""

_LETTERS = "original bytes of records that were rejected"
_HOLDS = {
    EXPERIENCE_EVENTS.name: "events, links and other control records",
    PROFILE_ATTRIBUTES.name: "attributes",
    PROFILE_ATTRIBUTE_PATCHES.name: "changes of attributes",
    SCORE_UPDATES.name: "scores with factors, and all identities of the profile",
    AUDIENCE_UPDATES.name: "memberships of audiences",
    TRAINING_EXAMPLES.name: "the identity, features and label of each outcome that was due",
    MODEL_UPDATES.name: "nothing",
    **{dead_letters(topic).name: _LETTERS for topic in INPUT_TOPICS},
}
_DONE = {
    EXPERIENCE_EVENTS.name: "the delete is in the log; what is read again is not folded",
    PROFILE_ATTRIBUTES.name: "a null value supersedes it",
    PROFILE_ATTRIBUTE_PATCHES.name: "the delete is later; what is read again is not folded",
    SCORE_UPDATES.name: "a null value supersedes it",
    AUDIENCE_UPDATES.name: "a null value supersedes it",
    TRAINING_EXAMPLES.name: "a null value: the learner drops what it has not learned yet, and "
    "forgets who is in the sample of the clusters",
    MODEL_UPDATES.name: "nothing to do",
    **{dead_letters(topic).name: "what is replayed is not folded" for topic in INPUT_TOPICS},
}


def holdings(
    identities: Sequence[Identity], partitions: int, datasets: Datasets
) -> list[dict[str, Any]]:
    """The topics that may have records of these identities, and in which partitions."""
    home = sorted(set(partition_of(murmur2(identities), partitions).tolist()))
    return [
        {
            "topic": topic.name,
            "holds": _words(_HOLDS, topic),
            "partitions": home if topic.partitions is None else list(range(topic.partitions)),
        }
        for topic in all_topics(datasets)
        if topic is not MODEL_UPDATES
    ]


def what_was_done(configs: Configs, at: int, datasets: Datasets) -> list[dict[str, Any]]:
    """Of each topic what a delete of the time `at` does, and by when Kafka has dropped it all."""
    found = []
    for topic in all_topics(datasets):
        known = configs.get(topic.name, {})
        entry: dict[str, Any] = {
            "topic": topic.name, "held": _words(_HOLDS, topic), "done": _words(_DONE, topic),
        }  # fmt: skip
        if topic is not MODEL_UPDATES:
            by = gone_by(known, at)
            entry |= {"values_gone_by": by.values, "keys_gone_by": by.keys, "why": by.why}
        found.append(entry)
    return found


def _words(known: Mapping[str, str], topic: Topic) -> str:
    """Topics of declared data sets are like the built-in ones with the same values."""
    if topic.name in known:
        return known[topic.name]
    if not topic.values:
        return known[dead_letters(PROFILE_ATTRIBUTES).name]
    like = {one.values: one.name for one in (PROFILE_ATTRIBUTES, PROFILE_ATTRIBUTE_PATCHES)}
    return known[like[topic.values]]
