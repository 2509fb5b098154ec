"""Models, one predicted thing per file. Importing this package does not import River.

>>> [m.name for m in default_models()]
['churn', 'coupon_conversion', 'engagement', 'lifetime_value', 'purchase_7d']
"""

from __future__ import annotations

import importlib
import pkgutil

from afflux.outcomes import ModelSpec
from models.contract import Model


def discover() -> tuple[Model, ...]:
    """Every model of this package, by name: each module that has a `MODEL`."""
    modules = [
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    ]
    found = [m.MODEL for m in modules if isinstance(getattr(m, "MODEL", None), Model)]
    return tuple(sorted(found, key=lambda model: model.spec.name))


def default_models() -> tuple[ModelSpec, ...]:
    """The declarations of all models: what a `Catalog` is made of."""
    return tuple(model.spec for model in discover())
