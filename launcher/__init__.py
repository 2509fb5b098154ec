"""What people type: settings, embedded broker and Redis, the `afflux` command, the demo."""
