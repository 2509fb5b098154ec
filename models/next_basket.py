"""Next basket: the ten categories, or products, that somebody is most likely to buy next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from afflux.names import ModelName

Column = Literal["category", "product"]


@dataclass(frozen=True, slots=True)
class Recommender:
    """A recommender and the column of items that it is about; all have the same settings."""

    name: ModelName
    column: Column

    def describe(self) -> str:
        """What it predicts, in words."""
        many = "categories" if self.column == "category" else "products"
        return f"{many} of the next basket, ten at most"


RECOMMENDERS = (
    Recommender(ModelName("next_basket_category"), "category"),
    Recommender(ModelName("next_basket_product"), "product"),
)
