"""`make soak` repeats tests with other seeds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from project_files import ROOT

TEST = """
import pytest

@pytest.mark.parametrize("seed", [1, 2])
def test_seeded(seed):
    print("seed", seed)

def test_plain():
    pass
"""


def test_rounds_have_their_own_seeds(tmp_path: Path) -> None:
    """Three rounds run each test three times, and no seed twice."""
    (tmp_path / "test_it.py").write_text(TEST)
    command = [
        sys.executable, "-m", "pytest", "-s", "-c", os.devnull, "--rootdir", str(tmp_path),
        "-p", "project_soak", "--rounds", "3", str(tmp_path),
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support")}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "9 passed" in done.stdout
    seeds = sorted(int(seed) for seed in re.findall(r"seed (\d+)", done.stdout))
    assert seeds == [1, 2, 1001, 1002, 2001, 2002]
