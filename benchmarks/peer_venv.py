"""Environments of peers whose requirements are not ours, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher.cache import cache_dir


def peer_python(name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of an environment with these requirements; installed when it is not there.

    Raises subprocess.CalledProcessError where that fails; nothing half-made is used again.
    """
    text = "\n".join(sorted(requirements))
    folder = cache_dir() / "peers" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        print(f"installing {', '.join(requirements)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *requirements], check=True)
        ready.touch()
    return python
