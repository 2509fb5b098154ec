"""Every discovered model under every law."""

from __future__ import annotations

from dataclasses import replace

import pytest

from afflux.names import ModelName
from models import churn, discover, purchase_7d
from models.contract import Model
from models.laws import LAWS, Law
from models_river import RIVER_MODELS

EARLY = [
    replace(m, spec=replace(m.spec, name=ModelName(f"early_{m.spec.name}"), early=True))
    for m in (purchase_7d.MODEL, churn.MODEL, RIVER_MODELS[0])
]
"""Models that do not wait, of both classes and both recipes."""


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", [*discover(), *RIVER_MODELS, *EARLY], ids=lambda m: m.spec.name)
def test_law(model: Model, law: Law) -> None:
    """The model obeys the law; what it says is in the law's own words."""
    law(model)
