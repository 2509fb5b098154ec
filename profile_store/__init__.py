"""Where profiles live between events."""
