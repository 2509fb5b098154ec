"""`afflux evaluate` as a person runs it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
import yaml

from evaluation_files import FLAT, LINES, write, write_lines
from launcher.data.generated import generated
from runtime_cli import afflux

DATA = generated(4_000)


def mapping(folder: Path, **changes: Any) -> str:
    """A mapping file."""
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump({**FLAT, **changes}))
    return str(path)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_file_is_evaluated(tmp_path: Path, ending: str) -> None:
    """The last line of standard output is the JSON object; nothing is written beside the file."""
    path = write(DATA, tmp_path / f"events.{ending}")
    m = mapping(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = afflux("evaluate", str(path), "--mapping", m, "--model", "churn", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result) == ["events", "profiles", "seconds", "models"]
    assert (result["events"], result["profiles"]) == (4_000, len(set(DATA.events["person"])))
    churn = result["models"]["churn"]
    assert list(churn) == ["examples", "positives", "auc", "logloss", "ece"]
    assert 0.5 < churn["auc"] < 1
    assert "churn" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(
    find_spec("lightgbm") is None or find_spec("sklearn") is None, reason="no afflux[evaluate]"
)
@pytest.mark.slow
def test_against_batch(tmp_path: Path) -> None:
    """Outcomes of the command line, every event, from a day on, beside the oracle."""
    path = write(DATA, tmp_path / "events.csv")
    done = afflux(
        "evaluate", str(path), "--mapping", mapping(tmp_path), "--against", "batch",
        "--outcome", "soon: any commerce.purchases within 7d after 2 purchases",
        "--outcome", "spend: amount of commerce.purchases within 7d",
        "--model", "soon", "--model", "spend", "--openings", "every", "--from", "2024-06-01",
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    models = json.loads(done.stdout.splitlines()[-1])["models"]
    assert set(models["soon"]["batch"]) == {"lightgbm", "logistic", "baseline"}
    assert set(models["spend"]["batch"]) == {"lightgbm", "baseline"}
    assert set(models["spend"]["batch"]["baseline"]) == {"mae"}
    assert set(models["soon"]["batch"]["lightgbm"]) == {"auc", "logloss", "ece"}


def test_next_baskets_beside_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranking figures of both recommenders and their baselines, from a day on; and a table."""
    monkeypatch.setenv("COLUMNS", "160")  # the table is not folded
    path = write_lines(DATA, tmp_path / "lines.csv")
    m = tmp_path / "mapping.yaml"
    m.write_text(yaml.safe_dump(LINES))
    done = afflux(
        "evaluate", str(path), "--mapping", str(m), "--model", "next_basket_category",
        "--model", "next_basket_product", "--from", "2024-03-01", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    baskets = DATA.events.filter(pc.equal(DATA.events["type"], "commerce.purchases"))
    assert result["events"] == baskets.num_rows
    late = int(pc.sum(pc.greater_equal(baskets["timestamp"], 1_709_251_200_000)).as_py())
    for name in ("next_basket_category", "next_basket_product"):
        found = result["models"][name]
        assert found["examples"] == late
        assert set(found["baselines"]) == {"frequency", "popularity"}
        for figures in (found, *found["baselines"].values()):
            assert 0 < figures["ndcg10"] <= 1
            assert 0 < figures["recall10"] <= 1
    assert "recall@10" in done.stderr
    assert "frequency" in done.stderr


@pytest.mark.parametrize(
    ("content", "changes", "options", "code", "why"),
    [
        ("event,who,kind,at,paid,units\n", {}, [], 5, "has no rows"),
        ("", {}, [], 5, "is empty"),
        ("a;b\n1;2\n", {}, [], 5, "parted by a semicolon"),
        ("event,who,kind,at,paid,units\n1,a,commerce.purchases,x,1,1\n", {}, [], 6, "row 1: 'x'"),
        ("x", {"identity": {}}, [], 4, "`identity.column` is missing"),
        ("x", {}, ["--outcome", "no commerce.purchases within soon"], 1, "^^^^"),
        ("x", {}, ["--model", "none"], 1, "no model 'none'"),
        ("x", {}, ["--from", "soon"], 1, "no day"),
        ("x", {}, ["--model", "next_basket_product"], 4, "`items.product` in the mapping"),
        ("x", {}, ["--against", "luck"], 2, "luck"),
    ],
)
def test_mistakes_have_their_exit_codes(
    tmp_path: Path, content: str, changes: dict[str, Any], options: list[str], code: int, why: str
) -> None:
    """Mapping, file, value and usage differ; the message says what is wrong, no stack trace."""
    path = tmp_path / "events.csv"
    path.write_text(content)
    m = mapping(tmp_path, **changes)
    done = afflux("evaluate", str(path), "--mapping", m, *options, "--json", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
