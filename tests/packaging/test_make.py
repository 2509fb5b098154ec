"""The Makefile and CI keep what the documents promise."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from project_files import ROOT, documents, inline_code, make_targets

PROMISED = {
    "help",
    "demo",
    "test",
    "check",
    "bench",
    "bench-quick",
    "quality",
    "soak",
    "fmt",
    "clean",
    "lock",
}

make = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


def run(*arguments: str) -> str:
    """Output of make."""
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


@make
def test_help_names_every_target() -> None:
    """`make` alone lists each target with one line."""
    listed = re.findall(r"^  make ([a-z-]+) +\S", run(), re.M)
    assert set(listed) == set(make_targets())
    assert set(listed) >= PROMISED


def test_every_target_is_phony_and_installs_what_it_needs() -> None:
    """A file of the same name changes nothing, and no target needs another one run before."""
    text = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.+)$", text, re.M)
    assert set(phony.split()) == set(make_targets())
    for target in set(make_targets()) - {"help", "clean"}:
        assert re.search(rf"^{target}: \.venv/\.ready ##", text, re.M), target


def test_documents_name_only_targets_that_exist() -> None:
    """Every `make x` in a document works."""
    for path in documents():
        for code in inline_code(path.read_text()):
            for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", code):
                assert target in make_targets(), f"{path.name}: make {target}"


def test_ci_runs_check_and_test() -> None:
    """CI runs what a developer runs, and stops at the first failure."""
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]


@make
def test_a_machine_without_python_is_told_so(tmp_path: object) -> None:
    """Where no suitable Python is found, make says which were tried, and fails."""
    done = subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), "PYTHONS=no-such-python", ".venv/bin/python"],
        cwd=str(tmp_path), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stderr
    assert "no-such-python" in done.stderr
