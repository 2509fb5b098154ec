"""A handful of score updates or examples is encoded row by row: to the bytes of the columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.names import Identity
from core_cases import CATALOG
from streams.example_codec import encode_training_examples
from streams.score_encoding import FEW, encode_score_updates

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(SEEDS, st.integers(1, FEW))
def test_few_rows_have_the_bytes_of_columns(seed: int, n: int) -> None:
    """Any served rows, models without a score and factors without a part among them."""
    rng = np.random.default_rng(seed)
    served = CATALOG.new_served(n)
    shape = served["value"].shape
    served["as_of_ts"] = rng.integers(0, 2**41, n)
    served["as_of_offset"] = rng.integers(0, 2**40, n)
    served["value"] = np.where(rng.random(shape) < 0.2, np.nan, rng.random(shape))
    served["previous"] = np.where(rng.random(shape) < 0.3, np.nan, rng.random(shape))
    served["version"] = rng.integers(0, 2**63, shape, np.uint64)
    served["percentile"] = rng.integers(0, 101, shape)
    served["bucket"] = rng.integers(0, 3, shape)
    served["trusted"] = rng.integers(0, 2, shape)
    served["factor"] = rng.integers(0, 256, served["factor"].shape)
    served["contribution"] = rng.choice([0.0, 0.5, -1.25], served["contribution"].shape)
    served["factor_value"] = rng.choice([0.0, 0.5, -1.25], served["factor_value"].shape)
    served["interval"] = rng.choice([np.nan, 0.5, 12.0], served["interval"].shape)
    people = [Identity(f"crm:{i}-ä".encode()) for i in range(n)]
    arguments = (
        CATALOG, served, people, [f"e{i}" for i in range(n)], ["p"] * n,
        [[p, Identity(b"web:1")] for p in people], list(range(n)),
    )  # fmt: skip
    few = encode_score_updates(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.score_encoding.FEW", 0)
        columns = encode_score_updates(*arguments)
    assert few == columns


@settings(deadline=None)
@given(SEEDS, st.integers(1, FEW))
def test_few_examples_have_the_bytes_of_columns(seed: int, n: int) -> None:
    """Any examples, certain and uncertain ones, closed and early ones."""
    rng = np.random.default_rng(seed)
    early = bool(rng.integers(0, 2))
    closed = np.zeros(n, CATALOG.early if early else CATALOG.closed)
    people = [Identity(f"crm:{i}".encode()) for i in range(3)]
    closed["shard"] = rng.integers(0, 64, n)
    closed["deadline"] = rng.integers(0, 2**41, n)
    closed["row"] = rng.integers(0, 3, n)
    closed["model"] = rng.integers(0, 2, n)
    closed["open_ts"] = rng.integers(0, 2**41, n)
    closed["open_offset"] = rng.integers(0, 2**40, n)
    closed["vector"] = rng.normal(size=closed["vector"].shape)
    closed["served"] = rng.random(n)
    closed["version"] = rng.integers(0, 2**63, n, np.uint64)
    closed["label"] = rng.random(n)
    closed["flags"] = rng.integers(0, 4, n)
    if early:
        closed["seen"], closed["source"] = rng.integers(-(2**62), 2**41, (2, n))
    few = encode_training_examples(CATALOG, closed, people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.example_codec.FEW", 0)
        columns = encode_training_examples(CATALOG, closed, people)
    assert few == columns
