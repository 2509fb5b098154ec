"""Layouts say which event types models name, and rows of others are read by name."""

from __future__ import annotations

import json

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.names import ModelName
from afflux.outcomes import Eligible, ModelSpec, Outcome
from profile_store.layouts import Layout

DAY = 86_400_000


def catalog(*types: str) -> Catalog:
    """A model of these types."""
    outcome = Outcome("will", (*types, Kind.PURCHASE), 7 * DAY)
    who = Eligible("acme.a", 1.0, 30 * DAY)
    return Catalog([ModelSpec(ModelName("m"), outcome, who, excluded=(Eligible("views", 2.0),))])


def test_a_layout_says_all_of_a_model() -> None:
    """Types, whom it speaks of and whom it leaves out come back from JSON as they were."""
    made = Layout.of(catalog("acme.b", "PURCHASE"))
    again = Layout.from_json(made.id, json.loads(json.dumps(made.to_json())))
    assert again == made
    assert Catalog(again.models).layout == made.id


def test_layouts_before_types_are_read() -> None:
    """What they do not say is what it was then."""
    made = Layout.of(catalog())
    content = made.to_json()
    for model in content["models"]:
        del model["excluded"], model["eligible"]["within_ms"]
    [spec] = Layout.from_json(made.id, content).models
    assert (spec.eligible, spec.excluded) == (Eligible("acme.a"), ())


def test_rows_of_other_types_are_read() -> None:
    """What both layouts name is taken over, whatever its column; the rest is new."""
    old, new = catalog("acme.b"), catalog("acme.b", "acme.aa")
    row = old.new_fragments(1)
    row["type_count"], row["type_last"] = [[1.0, 2.0]], [[3, 4]]
    found = Layout.of(old).decode_fragments([row.tobytes()], new)
    assert new.types.names == ("acme.a", "acme.aa", "acme.b")
    assert found["type_count"].tolist() == [[1.0, 0.0, 2.0]]
    assert found["type_last"].tolist() == [[3, 0, 4]]
    back = Layout.of(new).decode_fragments([found.tobytes()], old)
    assert back["type_count"].tolist() == row["type_count"].tolist()
    plain = Catalog([ModelSpec(ModelName("m"), Outcome("will", (Kind.PURCHASE,), DAY))])
    assert Layout.of(old).decode_fragments([row.tobytes()], plain)["life"].sum() == 0
