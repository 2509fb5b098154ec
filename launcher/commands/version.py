"""`afflux version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from launcher.console import plain


def installed_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("afflux")
    except PackageNotFoundError:
        return "unknown (not installed)"


def show_version() -> None:
    """Print the version of Afflux and of Python."""
    plain(f"afflux {installed_version()}, Python {platform.python_version()}")
