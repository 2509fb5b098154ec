"""The fast rules over columns against the slow ones over a row, and columns against the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.candidates import NO_TIME, Candidates
from afflux.columns import KIND_OF_EVENT_TYPE, EventColumns, Kind
from afflux.findings import explain
from afflux.validation import Rules, check
from streams.decoding import BadRecord, Decoder
from streams.event_columns import read_events
from streams.message_writer import writer
from wire_cases import LIMITS, NOW, SECRET, batch, event, framed
from wire_strategies import events, optional

RULES = Rules(max_identities=3)

texts = st.sampled_from(["", "a", "ü", "x" * 600])
spaces = st.sampled_from(["", "crm", "1a", "a b", "a" * 65, "a" * 64])
money = st.sampled_from([0.0, -0.0, 1.5, -1.0, 1e15, 1.1e15, float("inf"), float("nan")])
units = st.sampled_from([0, 3, -1, 10**15, 2**62, 2**63 - 1])
items = st.fixed_dictionaries(
    {"SKU": optional(texts), "quantity": optional(units), "priceTotal": optional(money)}
)
orders = st.fixed_dictionaries(
    {"purchaseID": optional(texts), "priceTotal": optional(money), "currencyCode": optional(texts)}
)
wild = st.fixed_dictionaries(
    {
        "_id": texts,
        "timestamp": st.sampled_from([NOW, NOW + 10**6, NOW - 10**12, 2**63 - 1, -(2**63)]),
        "eventType": optional(texts),
        "identityMap": st.dictionaries(
            spaces, st.lists(st.fixed_dictionaries({"id": texts}), max_size=3), max_size=2
        ),
        "commerce": optional(st.fixed_dictionaries({"order": optional(orders)})),
        "productListItems": st.lists(items, max_size=3),
    }
)
tame = st.builds(
    lambda row, change: event(**{k: row[k] for k in change}),
    wild,
    st.sets(
        st.sampled_from(["_id", "timestamp", "eventType", "identityMap", "commerce"]), max_size=1
    )
    | st.just({"productListItems"}),
)


def candidates(rows: list[dict[str, Any]], append_time: int) -> Candidates:
    """Columns of rows."""
    columns = writer("ExperienceEvent").columns(rows)
    return read_events(columns, np.full(len(rows), append_time, np.int64)).candidates


@settings(deadline=None)
@given(st.lists(wild | tame, max_size=6), st.sampled_from([NOW, NO_TIME]))
def test_mask_and_explanation_agree(rows: list[dict[str, Any]], append_time: int) -> None:
    """The code of the mask is that of the explanation, for every row and every rule."""
    columns = candidates(rows, append_time)
    codes = check(columns, RULES).tolist()
    for row, code in enumerate(codes):
        why = explain(columns, RULES, row)
        assert (why.code if why else 0) == code
        if why is not None:
            assert why.message
            assert resolves(rows[row], why.pointer)


def resolves(value: Any, pointer: str) -> bool:
    """Whether a pointer leads to a field or to the place of one that is missing."""
    for part in pointer.split("/")[1:-1]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return isinstance(value, dict | list)


@settings(deadline=None)
@given(st.lists(wild | tame | events, max_size=6))
def test_a_row_alone_is_judged_alike(rows: list[dict[str, Any]]) -> None:
    """Neighbours in a batch do not change the verdict."""
    together = check(candidates(rows, NOW), RULES).tolist()
    assert together == [int(check(candidates([row], NOW), RULES)[0]) for row in rows]


@settings(deadline=None)
@given(st.lists(events | wild, max_size=40), st.sampled_from(["pyruhvro", "fastavro"]))
def test_small_batches_equal_a_large_one(rows: list[dict[str, Any]], codec: Any) -> None:
    """Records one by one, four by four and all at once: the same events, to the last bit."""
    decoder, values = Decoder(LIMITS, SECRET, codec=codec), framed_rows(rows)
    whole = decoded(decoder, values, max(1, len(values)))
    assert decoded(decoder, values, 4) == whole
    assert decoded(decoder, values, 1) == whole


def framed_rows(rows: list[dict[str, Any]]) -> list[bytes]:
    """Values of the rows."""
    return [framed("ExperienceEvent", row) for row in rows]


def decoded(decoder: Decoder, values: list[bytes], size: int) -> list[Any]:
    """What becomes of each record, in batches of `size`: an event, bit by bit, or why not."""
    found: list[Any] = []
    for start in range(0, len(values), size):
        good, bad = decoder.events(batch(values[start : start + size], base=start))
        found += bad
        found += [event_bits(good.events, i) for i in range(len(good.events))]
    return sorted(found, key=lambda one: one.offset if isinstance(one, BadRecord) else one[0])


def event_bits(columns: EventColumns, i: int) -> tuple[Any, ...]:
    """All of event i, numbers as their type and bytes."""
    plain = ("timestamp", "append_time", "id_hash", "kind", "amount", "quantity")
    numbers = [(str(c.dtype), c[i].tobytes()) for c in (getattr(columns, name) for name in plain)]
    owner = int(columns.identity[i])
    links = columns.link_identity[columns.link_event == i].tolist()
    return (
        int(columns.offset[i]),
        *numbers,
        columns.event_ids[i],
        columns.identities[owner],
        int(columns.identity_hash[owner]),
        [columns.link_names[k] for k in links],
    )


@pytest.mark.parametrize("n", [1, 4, 40])
@pytest.mark.parametrize("value", [0.0, -0.0, 1e15, 1.1e15, -1.0, float("inf"), float("nan")])
def test_one_bad_price_among_many(n: int, value: float) -> None:
    """A single price of an item is judged alike in a batch of any size, wherever it stands."""
    good = event(productListItems=[{"SKU": "a", "quantity": 1, "priceTotal": 2.5}])
    odd = event(productListItems=[{"SKU": "a", "quantity": 1, "priceTotal": value}])
    [alone] = check(candidates([odd], NOW), RULES).tolist()
    for place in {0, n // 2, n - 1}:
        rows = [odd if i == place else good for i in range(n)]
        wanted = [alone if i == place else 0 for i in range(n)]
        assert check(candidates(rows, NOW), RULES).tolist() == wanted


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """What the core should see of a valid event, written down naively."""
    found = [
        (f"{space}:{entry['id']}".encode(), entry["primary"])
        for space, entries in row["identityMap"].items()
        for entry in entries
    ]
    flagged = [name for name, primary in found if primary]
    owner = flagged[0] if flagged else found[0][0]
    order = (row["commerce"] or {}).get("order") or {}
    amount = order.get("priceTotal")
    if amount is None:
        amount = 0.0
        for item in row["productListItems"]:
            amount += item["priceTotal"] or 0.0
    return {
        "identity": owner,
        "links": list(dict.fromkeys(n for n, _ in found if n != owner)),
        "kind": KIND_OF_EVENT_TYPE.get(row["eventType"], Kind.OTHER),
        "amount": amount,
        "quantity": float(sum(item["quantity"] or 0 for item in row["productListItems"])),
        "id": row["_id"],
        "timestamp": row["timestamp"],
    }


@settings(deadline=None)
@given(st.lists(events, max_size=6), st.sampled_from(["pyruhvro", "fastavro"]))
def test_columns_against_rows(rows: list[dict[str, Any]], codec: Any) -> None:
    """Vectorised columns say what a naive reading of each event says, to the last bit."""
    values = [framed("ExperienceEvent", row) for row in rows]
    anybody = replace(LIMITS, placeholders=frozenset())
    found, bad = Decoder(anybody, SECRET, codec=codec).events(batch(values))
    seen = found.events
    assert not bad
    assert len(seen) == len(rows)
    for i, row in enumerate(rows):
        mine = seen.link_event == i
        assert expected(row) == {
            "identity": seen.identities[seen.identity[i]],
            "links": [seen.link_names[j] for j in seen.link_identity[mine].tolist()],
            "kind": seen.kind[i],
            "amount": float(seen.amount[i]),
            "quantity": float(seen.quantity[i]),
            "id": seen.event_ids[i],
            "timestamp": int(seen.timestamp[i]),
        }
