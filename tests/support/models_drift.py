"""Examples of a behaviour that changes half-way, and models with challengers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64
from afflux.examples import ExampleColumns
from afflux.names import Identity
from models.challengers import challenged
from models.contract import Model

FEATURES = ("lifetime_purchases", *(f"feature_{i}" for i in range(5)))
MINUTE_MS = 60_000
WINDOW = 400
"""Examples that are opened between the opening of one and its label."""


def vectors(n: int, seed: int) -> NDArray[np.float16]:
    """What people look like; the first feature says how often they have bought."""
    random = np.random.default_rng(seed)
    x = random.normal(0.0, 1.0, (n, len(FEATURES)))
    x[:, 0] = np.log1p(random.integers(1, 30, n))
    return x.astype(np.float16)


def chances(x: NDArray[np.float16], changed: bool) -> F64:
    """How likely each is; after the change another feature decides, the other way round."""
    wide = x.astype(np.float64)
    score = 2.0 * wide[:, 2] - wide[:, 1] if changed else 2.0 * wide[:, 1] + wide[:, 2]
    return np.asarray(1.0 / (1.0 + np.exp(-score)))


def drifting(
    model: Model, n: int, change: int, seed: int = 1, served: F64 | None = None
) -> ExampleColumns:
    """`n` examples, one a minute; those from `change` on are of another behaviour.

    served: what was served, by default the probability of the old behaviour (or ten times that).
    """
    random = np.random.default_rng(seed + 1)
    x, i = vectors(n, seed), np.arange(n)
    old, new = chances(x, changed=False), chances(x, changed=True)
    happens = random.random(n) < np.where(i < change, old, new)
    amount = model.spec.link == "amount"
    said = 10.0 * old if amount else old
    opened = 1_700_000_000_000 + i * MINUTE_MS
    return ExampleColumns(
        shard=(i % 4).astype(np.int32),
        deadline=opened + WINDOW * MINUTE_MS,
        identities=[Identity(b"test:%06d" % k) for k in range(n)],
        models=[model.spec.name] * n,
        open_ts=opened,
        open_offset=i,
        vector=x,
        served=(said if served is None else served).astype(np.float32),
        version=np.ones(n, np.uint64),
        label=happens * (10.0 * random.random(n) if amount else np.ones(n)),
        flags=np.zeros(n, np.uint8),
    )


def with_challengers(model: Model, *recipes: str) -> Model:
    """The model with standard challengers, such as `fast_forget`."""
    (made,) = challenged(
        [replace(model, challengers={})], [f"{model.spec.name}:{r}" for r in recipes]
    )
    return made
