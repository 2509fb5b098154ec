"""`afflux doctor`: is everything reachable, and as Afflux expects it."""
