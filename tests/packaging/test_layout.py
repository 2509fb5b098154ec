"""The tree keeps the laws that no tool checks."""

from __future__ import annotations

import sys

from project_files import ROOMS, ROOT, files, pyproject

VAGUE = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "processor", "models"}


def test_one_list_of_rooms() -> None:
    """The wheel, import-linter, mypy, ruff and the doctests look at the same rooms."""
    tool = pyproject()["tool"]
    rooms = list(ROOMS)
    assert tool["hatch"]["build"]["targets"]["wheel"]["packages"] == rooms
    assert tool["importlinter"]["root_packages"] == rooms
    assert tool["ruff"]["lint"]["isort"]["known-first-party"] == rooms
    assert tool["mypy"]["files"] == [*rooms, "tests", "benchmarks"]
    assert tool["pytest"]["ini_options"]["testpaths"] == ["tests", *rooms]


def test_no_room_is_forgotten() -> None:
    """A folder with Python in it is a room, or tests or benchmarks."""
    found = {path.parent.name for path in ROOT.glob("[a-z]*/__init__.py")}
    assert found - {"benchmarks"} == set(ROOMS)


def test_tests_are_no_package() -> None:
    """An `__init__.py` below tests/ would let tests/models shadow models."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_names_say_what_is_inside() -> None:
    """No file has a name that could hold anything, and none hides a top-level module."""
    for room in ROOMS:
        for path in files(room):
            if path.suffix == ".py":
                assert path.stem not in VAGUE, path
    hidden = set(ROOMS) & set(sys.stdlib_module_names)
    assert not hidden


def test_a_file_is_one_idea() -> None:
    """No source file is longer than a reader's patience."""
    for room in ROOMS:
        for path in files(room):
            if path.suffix == ".py":
                assert len(path.read_text().splitlines()) <= 400, path
