"""The pinned versions that `make` installs."""

from __future__ import annotations

import re

from packaging.requirements import Requirement

from project_files import ROOT, requirement_name, requirements

LINE = re.compile(r"^[a-z0-9-]+==[0-9][A-Za-z0-9.!+]*( ; .+)?$")


def pins() -> list[Requirement]:
    """The lines of requirements.lock."""
    return [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]


def test_pins_only() -> None:
    """Every line is a name and a version: no address of a registry, no path, no option."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert lines
    assert not [line for line in lines if not LINE.match(line)]


def test_pins_fit_what_is_declared() -> None:
    """Each declared dependency is pinned to a version that its range allows."""
    for text in requirements():
        requirement = Requirement(text)
        name = requirement_name(requirement.name)
        found = [pin for pin in pins() if pin.name == name]
        assert found, f"{name} is not pinned: make lock"
        for pin in found:
            [version] = list(pin.specifier)
            assert requirement.specifier.contains(version.version), f"{name}: make lock"
