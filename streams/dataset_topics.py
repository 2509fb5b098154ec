"""The topics of data sets, as the table of topics has them.

>>> from profile_store.dataset_definitions import Datasets
>>> [topic.name for topic in inputs(Datasets())]
['experience-events', 'profile-attributes', 'profile-attribute-patches']
"""

from __future__ import annotations

from dataclasses import replace

from afflux.datasets import Declaration
from profile_store.dataset_definitions import Datasets
from streams.topics import (
    INPUT_TOPICS,
    PROFILE_ATTRIBUTE_PATCHES,
    PROFILE_ATTRIBUTES,
    TOPICS,
    Topic,
    dead_letters,
)

_BUILT_IN = {topic.name: topic for topic in INPUT_TOPICS}


def topic_of(dataset: Declaration) -> Topic:
    """The topic of a data set, with the policy that it is created with."""
    known = _BUILT_IN.get(dataset.topic)
    if known is not None:
        return known
    like = PROFILE_ATTRIBUTE_PATCHES if dataset.kind == "patches" else PROFILE_ATTRIBUTES
    return replace(like, name=dataset.topic)


def inputs(datasets: Datasets) -> tuple[Topic, ...]:
    """Topics that workers read, in the order of their numbers in positions."""
    return tuple(topic_of(one) for one in datasets.by_number)


def of_dataset(dataset: Declaration) -> tuple[Topic, Topic]:
    """Its topic, and that of its dead letters."""
    topic = topic_of(dataset)
    return topic, dead_letters(topic)


def all_topics(datasets: Datasets) -> tuple[Topic, ...]:
    """Every topic that Afflux has, with those of declared data sets."""
    own = [one for one in datasets.by_number if one.topic not in _BUILT_IN]
    return (*TOPICS, *(topic for one in own for topic in of_dataset(one)))
