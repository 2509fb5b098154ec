"""Models by name and from files of one's own; what is wrong with a file is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import discover
from models.contract import ModelError
from models.selection import select

OWN = """
from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import Model, NewtonRecipe

MODEL = Model(
    ModelSpec(ModelName("checkout_1d"), Outcome("will", (Kind.CHECKOUT,), DAY_MS)),
    NewtonRecipe("log"),
)
"""


def written(folder: Path, text: str) -> Path:
    """A model file."""
    path = folder / "own.py"
    path.write_text(text)
    return path


def test_all_of_them_where_none_is_named() -> None:
    """In the order of their names, which is the order on disk."""
    assert select() == discover()


def test_a_file_of_ones_own_is_one_more(tmp_path: Path) -> None:
    """One file and one line of settings."""
    found = select(["churn", "checkout_1d"], [written(tmp_path, OWN)])
    assert [m.spec.name for m in found] == ["checkout_1d", "churn"]


def test_a_file_replaces_the_model_of_its_name(tmp_path: Path) -> None:
    """So that a model of the package can be changed without touching it."""
    path = written(tmp_path, OWN.replace("checkout_1d", "churn"))
    (churn,) = select(["churn"], [path])
    assert churn.spec.outcome.describe() == "any checkout within 1 days"


def test_unknown_names_are_told_with_the_known_ones() -> None:
    """A typing error is found before anything starts."""
    with pytest.raises(ModelError, match="no model 'chrun'; there are churn, "):
        select(["chrun"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nMODEL = (", "own.py, line 2: "),
        ("x = 1\n\nraise KeyError('spend')", "own.py, line 3: KeyError: 'spend'"),
        ("import json\nx = json.loads('{')", "own.py, line 2: JSONDecodeError"),
        ("MODEL = 1", "has no MODEL"),
    ],
    ids=["syntax", "raises", "raises in a library", "no model"],
)
def test_faults_of_a_file(tmp_path: Path, text: str, message: str) -> None:
    """What is wrong, and where."""
    with pytest.raises(ModelError, match=message):
        select([], [written(tmp_path, text)])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ModelError, match=r"away\.py: no such Python file"):
        select([], [tmp_path / "away.py"])
