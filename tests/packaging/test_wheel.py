"""What is in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from project_files import ROOMS, ROOT, files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    [path] = Path(folder).glob("*.whl")
    return zipfile.ZipFile(path)


def test_top_level_names(wheel: zipfile.ZipFile) -> None:
    """The wheel takes exactly these names from whoever installs it."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)


def test_all_files_of_the_rooms_ship(wheel: zipfile.ZipFile) -> None:
    """Schemas, Lua scripts and data files are installed beside the code, byte for byte."""
    ours = {str(path.relative_to(ROOT)): path for room in ROOMS for path in files(room)}
    assert set(ours) == {name for name in wheel.namelist() if ".dist-info/" not in name}
    for name, path in ours.items():
        assert wheel.read(name) == path.read_bytes(), name


@pytest.mark.parametrize("kind", ["schemas/avro/*.avsc", "profile_store/lua/*.lua"])
def test_kinds_that_are_not_python(wheel: zipfile.ZipFile, kind: str) -> None:
    """There are contracts and scripts at all: the test above would pass without any."""
    assert [name for name in wheel.namelist() if Path(name).match(kind)]


def test_the_command(wheel: zipfile.ZipFile) -> None:
    """Installing the wheel installs `afflux`, and the licence comes with it."""
    [entry] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "afflux = launcher.cli:main" in wheel.read(entry).decode()
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
