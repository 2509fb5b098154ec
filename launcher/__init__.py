"""What people type: settings, embedded broker and Redis, the `afflux` command, the demo."""

from launcher.blas import one_thread

one_thread()  # before anything imports NumPy
