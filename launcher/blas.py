"""Linear algebra on one thread.

Our matrices are a few hundred rows by a few dozen features. OpenBLAS splits even these among all
cores, and its threads spin while they wait for the next product: a learner took 81 µs of CPU an
example with two threads, 41 with one, and was no sooner done. More cores are used by more workers.
"""

from __future__ import annotations

import os

_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def one_thread() -> None:
    """For this process and its children, unless the environment says otherwise.

    Without effect on a NumPy that is already imported.
    """
    for name in _SETTINGS:
        os.environ.setdefault(name, "1")
