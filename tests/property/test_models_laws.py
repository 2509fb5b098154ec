"""Every discovered model under every law."""

from __future__ import annotations

import pytest

from models import discover
from models.contract import Model
from models.laws import LAWS, Law
from models_river import RIVER_MODELS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", [*discover(), *RIVER_MODELS], ids=lambda model: model.spec.name)
def test_law(model: Model, law: Law) -> None:
    """The model obeys the law; what it says is in the law's own words."""
    law(model)
