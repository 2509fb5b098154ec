"""The last example that was learned of each shard, which says what a repeat is; without names."""

from __future__ import annotations

from collections.abc import Mapping

from afflux.examples import ExampleKey
from afflux.names import Identity


def without_name(last: Mapping[int, ExampleKey], identity: Identity) -> dict[int, ExampleKey]:
    """The same, where nothing names `identity`: of their example the deadline is left.

    Repeats of that very example are dropped all the same, since whoever is forgotten has a
    tombstone; those of other people stand before the request to forget in the log.

    >>> without_name({0: (5, b"crm:1", "churn"), 1: (7, b"crm:2", "churn")}, Identity(b"crm:1"))
    {0: (5, b'', ''), 1: (7, b'crm:2', 'churn')}
    """
    return {shard: (key[0], b"", "") if key[1] == identity else key for shard, key in last.items()}
