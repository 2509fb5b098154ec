"""The core of Afflux: pure functions over columns. Standard library and NumPy only."""
