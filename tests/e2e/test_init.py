"""`afflux init` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime_cli import afflux

CSV = "customer_id,date,quantity,amount\n" + "".join(
    f"c{i % 9},2024-02-{i % 28 + 1:02},{i % 3 + 1},{i}.50\n" for i in range(60)
)


def test_from_a_file_to_a_mapping_that_evaluates(tmp_path: Path) -> None:
    """Two commands, nothing edited: init writes, evaluate reads; nothing is overwritten."""
    (tmp_path / "shop.csv").write_text(CSV)
    done = afflux("init", "shop.csv", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["written"] == ["mapping.yml", "afflux.toml"]
    assert found["mapping"]["amount"] == "amount"
    again = afflux("init", "shop.csv", cwd=tmp_path)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert afflux("init", "shop.csv", "--force", cwd=tmp_path).returncode == 0
    done = afflux(
        "evaluate", "shop.csv", "--mapping", "mapping.yml", "--model", "churn", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("", 5, "is empty"),
        ("a;b\nred;1\n", 6, "who it was"),
        ("customer,date\na,2024-01-01T00:00Z\nb,2024-01-02T00:00\n", 6, "mixed time zones"),
    ],
)
def test_mistakes_write_nothing(tmp_path: Path, text: str, code: int, why: str) -> None:
    """Exit codes differ, the message says why, and the folder is as it was."""
    (tmp_path / "x.csv").write_text(text)
    done = afflux("init", "x.csv", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert why in done.stderr
    assert "hint:" in done.stderr or code == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.csv"]
