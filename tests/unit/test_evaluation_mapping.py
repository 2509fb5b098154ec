"""Mappings are checked key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluation_files import MAPPING, mapping
from launcher.evaluation.errors import MappingError
from launcher.evaluation.mapping import check, load
from launcher.evaluation.run import rules_of


def test_the_smallest_mapping() -> None:
    """Three keys are enough."""
    found = check({k: MAPPING[k] for k in ("identity", "time", "event")}, "m.yaml")
    assert found.columns == {"identity.column": "who", "time.column": "at"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"identity": None}, "`identity` is missing"),
        ({"identity": {"namespace": "crm"}}, "`identity.column` is missing"),
        ({"identity": {"column": "w", "namespace": "a b"}}, "`identity.namespace`"),
        ({"ammount": "x"}, "`ammount` is no key; did you mean `amount`"),
        ({"time": {"column": "at", "zone": "Mars"}}, "`time.zone`: 'Mars' is no time zone"),
        ({"time": {"column": "at", "format": "unix"}}, "'unix' is no format"),
        (
            {"time": {"column": "at", "format": ["%d/%m/%Y", "%m/%d/%Y"]}},
            "cannot be told apart",
        ),
        ({"event": {}}, "either `type`"),
        ({"delimiter": ",,"}, "`delimiter`"),
        ({"negative": "drop"}, "`negative`"),
        ({"id": "x", "transaction": "y"}, "either `id` or `transaction`"),
        ({"amount": 3}, "`amount`"),
        ({"items": {}}, "`items`: name the column of `category`"),
        ({"items": {"categorie": "c"}}, "`items.categorie` is no key; did you mean `category`"),
    ],
)
def test_every_mistake_names_its_key(changes: dict[str, Any], why: str) -> None:
    """The message has the file, the key and what is wrong with it."""
    with pytest.raises(MappingError) as raised:
        mapping(**changes)
    assert "the mapping mapping.yaml is wrong" in raised.value.message
    assert why in raised.value.message


@pytest.mark.parametrize(
    ("text", "why"), [("a: [", "is no YAML"), ("", "has no keys"), ("- 1", "has no keys")]
)
def test_files_that_are_no_mapping(tmp_path: Path, text: str, why: str) -> None:
    """YAML that is broken, empty or a list."""
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(MappingError, match=why):
        load(path)


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    """Is told by its name."""
    with pytest.raises(MappingError, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"type": "commerce.purchase"}, "`event.type`.*did you mean commerce.purchases"),
        ({"column": "k", "types": {"b": "buy"}}, "`event.types`: 'buy' is no event type"),
    ],
)
def test_types_are_not_mistaken(event: dict[str, Any], why: str) -> None:
    """One that is nearly known is refused, but where an outcome names just that; others may be."""
    found = mapping(event=event).event
    with pytest.raises(MappingError, match=f"(?s){why}"):
        found.check_types(["acme.demoBooked"])
    found.check_types(["commerce.purchase", "buy"])
    mapping(event={"type": "acme.sneezed"}).event.check_types([])


def test_openings() -> None:
    """Served, every event, or a rule of one's own."""
    assert not rules_of("served").widen
    assert rules_of("every").openings.gap_ms == 1
    own = mapping(openings={"gap": "3d", "of": ["commerce.purchases"]}).openings
    assert rules_of(own).openings.gap_ms == 3 * 86_400_000
    typed = mapping(openings={"of": ["acme.demoBooked", "advertising.impressions"]}).openings
    assert rules_of(typed).openings.kinds == ("acme.demoBooked", "advertising.impressions")
    for wrong in ({"gap": "soon"}, {"of": ["buy"]}):
        with pytest.raises(MappingError, match="openings"):
            rules_of(mapping(openings=wrong).openings)
