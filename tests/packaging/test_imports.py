"""What the rooms import: the allow-lists that import-linter cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from project_files import ROOMS, ROOT, files, requirement_name, requirements

PURE = {
    "__future__", "abc", "bisect", "collections", "contextlib", "dataclasses", "datetime",
    "decimal", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "importlib",
    "itertools", "json", "math", "numbers", "operator", "re", "string", "struct", "types", "typing",
    "unicodedata",
}  # fmt: skip
"""Modules of the standard library that compute and do nothing else."""

LIGHT = ["models", "profile_store", "schemas", "streams.app", "launcher.cli"]
"""What a scoring worker or a command imports."""


def imports(path: Path) -> Iterator[str]:
    """Top-level names that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: absolute imports only"
            assert node.module
            yield node.module.split(".")[0]


def imported(room: str) -> set[str]:
    """Top-level names that a room imports."""
    return {name for path in files(room) if path.suffix == ".py" for name in imports(path)}


def test_the_core_is_numpy_and_arithmetic() -> None:
    """The core imports NumPy, itself, and modules of the standard library that only compute."""
    assert imported("afflux") - PURE <= {"numpy", "afflux"}


def test_every_import_is_a_declared_dependency() -> None:
    """Nothing is imported that another package happens to bring along."""
    declared = {requirement_name(r) for r in requirements()}
    known = packages_distributions()
    for room in ROOMS:
        for name in imported(room) - set(sys.stdlib_module_names) - set(ROOMS):
            distributions = {requirement_name(d) for d in known.get(name, [name])}
            assert distributions & declared, f"{room} imports {name}"


@pytest.mark.parametrize("module", LIGHT)
def test_river_is_imported_by_the_learner_only(module: str) -> None:
    """River takes seconds to import: scoring and the command line do without."""
    code = f"import sys, {module}; sys.exit('river' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr or f"import {module} imports river"
