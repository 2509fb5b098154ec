"""Merge policies: whose identities belong together, and which of two values of a name counts.

Attributes of a profile are those of all its identities in all data sets. Of each name the greatest
word wins, by a total order, so the merge is a commutative, associative and idempotent function of
the words: it is the same however they are grouped, and in whatever order they are seen.

    timestampOrdered    the later word, by event time
    dataSetPrecedence   the word of the data set that ranks higher, then the later one

Words at the same time go by identity, then by the name of the data set. Sums and counts of events
have no two values to choose from: they are added up under every policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from afflux.attributes import Facts, Value
from afflux.datasets import NEVER_OLD, Declaration
from afflux.names import Dataset, Identity

Stitching = Literal["graph", "none"]
Rule = Literal["timestampOrdered", "dataSetPrecedence"]

_LISTED = 1 << 40
"""Data sets that a policy lists rank above every precedence."""


class Source(NamedTuple):
    """What one data set knows of one identity."""

    identity: Identity
    dataset: Dataset
    facts: Facts


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """How what is stored becomes a profile.

    Attributes:
        stitching: "graph" follows the links of the identity, "none" reads it alone.
        attributes: which of two values of one name counts.
        order: data sets from the highest rank down, for dataSetPrecedence; those that are not
            listed come after them, by their own precedence.
    """

    stitching: Stitching = "graph"
    attributes: Rule = "timestampOrdered"
    order: tuple[Dataset, ...] = ()


@dataclass(frozen=True, slots=True)
class Ordering:
    """A policy over the data sets that there are.

    Attributes:
        ranks: of each data set; the greater one wins before time does. Those left out have 0.
        ttl_ms: data sets whose values grow too old, and after how long.
    """

    ranks: Mapping[Dataset, int] = field(default_factory=dict)
    ttl_ms: Mapping[Dataset, int] = field(default_factory=dict)

    @staticmethod
    def of(policy: MergePolicy, datasets: Iterable[Declaration]) -> Ordering:
        """What a policy means for these data sets.

        >>> crm = Declaration(Dataset("crm"), "record", "crm", 3, precedence=200)
        >>> Ordering.of(MergePolicy(), [crm]).ranks
        {}
        >>> Ordering.of(MergePolicy(attributes="dataSetPrecedence"), [crm]).ranks
        {'crm': 200}
        """
        known = list(datasets)
        ranks: dict[Dataset, int] = {}
        if policy.attributes == "dataSetPrecedence":
            ranks = {one.name: one.precedence for one in known}
            for place, name in enumerate(reversed(policy.order)):
                ranks[name] = _LISTED + place
        return Ordering(ranks, {one.name: one.ttl_ms for one in known if one.ttl_ms})

    def words(self, source: Source, now: int) -> Words:
        """What one data set says of one identity that counts at event time `now`, ms."""
        identity, dataset, facts = source
        rank, ttl = self.ranks.get(dataset, 0), self.ttl_ms.get(dataset)
        oldest = NEVER_OLD if ttl is None else now - ttl
        return {
            name: ((rank, timestamp, identity, dataset), value)
            for name, (timestamp, value) in facts.items()
            if timestamp > oldest
        }

    def merged(self, sources: Iterable[Source], now: int) -> dict[str, Value]:
        """The attributes of one person at event time `now`, ms.

        >>> old = Source(Identity(b"a:1"), Dataset("crm"), {"city": (5, "Ulm"), "age": (5, 30)})
        >>> new = Source(Identity(b"b:1"), Dataset("web"), {"city": (9, "Köln")})
        >>> Ordering().merged([new, old], now=10)
        {'city': 'Köln', 'age': 30}
        >>> Ordering(ranks={Dataset("crm"): 1}, ttl_ms={Dataset("web"): 1}).merged([old, new], 10)
        {'city': 'Ulm', 'age': 30}
        """
        best = combined(self.words(source, now) for source in sources)
        return {name: value for name, (_, value) in best.items()}


Words = Mapping[str, tuple[tuple[int, int, Identity, Dataset], Value]]
"""Of each name its greatest word so far (rank, time, identity, data set), with its value."""


def combined(parts: Iterable[Words]) -> Words:
    """The monoid: of each name the greatest word. Without parts nothing is said.

    >>> a = Ordering().words(Source(Identity(b"a:1"), Dataset("crm"), {"age": (5, 30)}), 9)
    >>> combined([a, combined([]), a]) == a
    True
    """
    best: dict[str, tuple[tuple[int, int, Identity, Dataset], Value]] = {}
    for words in parts:
        for name, said in words.items():
            there = best.get(name)
            if there is None or said[0] > there[0]:
                best[name] = said
    return best


PLAIN = Ordering()
"""By time, and nothing grows too old."""

POLICIES: Mapping[str, MergePolicy] = {
    "timestamp-ordered": MergePolicy(),
    "dataset-precedence": MergePolicy(attributes="dataSetPrecedence"),
    "unstitched": MergePolicy(stitching="none"),
}
"""Those that every installation has."""

DEFAULT_POLICY = "timestamp-ordered"
