"""docs/audiences.md says what the code says."""

from __future__ import annotations

import ast
import re

import pytest

from afflux.audiences.refusal import RuleError
from afflux.audiences.typed import Type
from afflux.audiences.vocabulary import Vocabulary
from audience_rules import compile_rules
from core_cases import CATALOG
from project_files import ROOT

PAGE = (ROOT / "docs" / "audiences.md").read_text()
WORDS = Vocabulary.of_catalog(CATALOG, {"tier": Type.STRING, "age": Type.INT})

REFUSED = {
    "buyers": "events.purchases.count(7) > 1",
    "risk": "scores.chur > 1.0",
    "rich": "attributes.age + 1.5 > 100.0",
    "week": "now - events.purchases.last > duration('7d')",
    "a": "audiences.b",
}


def test_its_rules_compile() -> None:
    """The program of the page, and the rule about who never bought."""
    [rules] = re.findall(r"compile_rules\(\s+(\{.+?\}),\s+words", PAGE, re.S)
    assert len(compile_rules(ast.literal_eval(rules), WORDS).names) == 3
    [never] = re.findall(r"```\n(!has.+)\n```", PAGE)
    assert compile_rules({"lost": never}, WORDS).timed == ("lost",)


@pytest.mark.parametrize("name", REFUSED)
def test_its_refusals_are_real(name: str) -> None:
    """Each message of the page is what such a rule gets."""
    rules = {name: REFUSED[name]} | ({"b": "audiences.a"} if name == "a" else {})
    with pytest.raises(RuleError) as refusal:
        compile_rules(rules, WORDS)
    assert f"\n{refusal.value}\n" in PAGE


def test_it_names_every_kind_of_column() -> None:
    """The table has the last part of each path that is not an installation's own."""
    parts = {path[-1] for path in WORDS.columns if path[0] in ("scores", "events")}
    assert not [part for part in parts if not re.search(rf"\b{part}`", PAGE)]
