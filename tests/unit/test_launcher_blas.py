"""Linear algebra of the commands runs on one thread."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import launcher.cli, numpy
from threadpoolctl import threadpool_info
numpy.ones((300, 300)) @ numpy.ones((300, 300))
print({p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"})
"""


def _threads(**env: str) -> str:
    plain = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    made = subprocess.run(
        [sys.executable, "-c", CODE], env=plain | env, check=True, capture_output=True, text=True
    )
    return made.stdout.strip()


def test_commands_take_one_thread_for_linear_algebra() -> None:
    """Whoever starts `afflux` has it, and the environment may say otherwise."""
    assert _threads() == "{1}"
    assert _threads(OPENBLAS_NUM_THREADS="2") in ("{2}", "{1}")  # one core has no second thread
