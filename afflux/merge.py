"""Fragments of all linked identities become one profile row.

Laws: the merge does not depend, bit by bit, on the order of the fragments; a new fragment
changes nothing; the merge of one fragment has its features. Sums add their parts by size, the
only order that everybody who sees the same fragments agrees on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import I32, I64


def merge(
    catalog: Catalog, fragments: NDArray[np.void], owner: I32 | I64, n: int
) -> NDArray[np.void]:
    """Profile rows (n, dtype `catalog.fragment`); row i merges the fragments with owner i.

    Only features and their times are merged; ids, links and openings stay those of a new row.
    """
    merged = catalog.new_fragments(n)
    rows: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(fragments[name]) for name in catalog.feature_fields
    }
    for feature in catalog.parts:
        feature.merge(merged, rows, owner.astype(np.int64))
    return merged
