"""What the plane reads: the topics of the data sets, each with its number in positions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from afflux.datasets import Declaration
from afflux.merge_policy import Ordering
from afflux.names import Dataset
from profile_store.dataset_definitions import Datasets
from streams.ports import TopicsChanged


class DatasetSource(Protocol):
    """The data sets that are declared."""

    @property
    def current(self) -> Datasets:
        """As of the last look."""
        ...

    async def refresh(self) -> None:
        """Adopt what was declared since."""
        ...


class BuiltInDatasets:
    """An installation that has declared none."""

    current = Datasets()

    async def refresh(self) -> None:
        """Nothing to look for."""


class Feeds:
    """The topics that are declared, and those of them that this owner reads.

    A consumer has its topics from its beginning: where others are declared it is made anew, and
    until then the plane works with those that it has.
    """

    def __init__(self, source: DatasetSource) -> None:
        self._source = source
        self._read = tuple(source.current.by_number)

    @property
    def topics(self) -> list[str]:
        """Of all data sets that are declared now, in the order of their numbers."""
        return [one.topic for one in self._source.current.by_number]

    @property
    def read(self) -> tuple[Declaration, ...]:
        """Data sets whose topics are read, in the order of their numbers."""
        return self._read

    @property
    def records(self) -> list[Dataset]:
        """Data sets that may have attributes in the store, the built-in one first."""
        return [one.name for one in self._source.current.records]

    @property
    def ordering(self) -> Ordering:
        """Which of two values of an attribute counts, by the default policy."""
        return self._source.current.ordering()

    def adopt(self, topics: Collection[str]) -> None:
        """From now on these are read: what a consumer was made for."""
        self._read = tuple(o for o in self._source.current.by_number if o.topic in topics)

    def of(self, topic: str) -> Declaration:
        """The data set of a topic that is read, as it is declared now."""
        (there,) = [one for one in self._read if one.topic == topic]
        now = self._source.current.declared.get(there.name)
        return now if now is not None and now.number == there.number else there

    def fields(self, dataset: Declaration) -> Mapping[str, str]:
        """Declared fields of its attributes."""
        return self._source.current.fields_of(dataset)

    async def refresh(self) -> None:
        """Look for changes. Raises TopicsChanged where other topics are to be read."""
        await self._source.refresh()
        if [one.topic for one in self._read] != self.topics:
            raise TopicsChanged(f"the topics of the data sets are now {', '.join(self.topics)}")
