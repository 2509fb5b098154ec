"""Notices identities that begin to link too many people: their links no longer count."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from afflux.identity import Edges, is_shared, namespace
from afflux.outcome import Fetched
from streams.metrics import Metrics

log = logging.getLogger("afflux.enrich")


class SharedIdentities:
    """Counts them, and says of which namespaces they are; values are personal, and not told."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def look(self, fetched: Fetched, after: Mapping[int, Edges]) -> None:
        """Edges of rows that a step changed."""
        for row, edges in after.items():
            if is_shared(edges) and not is_shared(fetched.edges.get(row)):
                self._metrics.shared_identities.inc()
                ((space, count),) = Counter(map(namespace, edges.others())).most_common(1)
                log.warning(
                    "an identity of %s links %d of %s: its links no longer count",
                    namespace(fetched.identities[row]).decode(), count, space.decode(),
                )  # fmt: skip
