"""The project's own files, for tests about the project."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

ROOMS = (
    "afflux",
    "models",
    "schemas",
    "profile_store",
    "audience_rules",
    "streams",
    "gateway",
    "launcher",
)
"""Top-level packages of the wheel."""


@cache
def pyproject() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> list[str]:
    """What pyproject.toml declares, the extras included."""
    project = pyproject()["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(r for extra in extras for r in extra)]


def files(room: str) -> list[Path]:
    """All files of a room that people wrote."""
    return sorted(
        path
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def documents() -> list[Path]:
    """Every Markdown file that is part of the project."""
    folders = (ROOT / "docs", ROOT / "benchmarks")
    return [*sorted(ROOT.glob("*.md")), *sorted(p for f in folders for p in f.rglob("*.md"))]


def requirement_name(requirement: str) -> str:
    """Normalised name of a requirement.

    >>> requirement_name("Confluent_Kafka[schemaregistry]>=2; sys_platform != 'win32'")
    'confluent-kafka'
    """
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def make_targets() -> dict[str, str]:
    """Phony targets of the Makefile -> their help."""
    return dict(re.findall(r"^([a-z-]+):[^=\n]*?## (.+)$", (ROOT / "Makefile").read_text(), re.M))


def inline_code(text: str) -> Iterator[str]:
    """Code in a Markdown text: lines of code blocks, and `code` in prose."""
    for number, part in enumerate(re.split(r"^ *```.*$", text, flags=re.M)):
        yield from part.splitlines() if number % 2 else re.findall(r"`([^`\n]+)`", part)
