"""The Faust agents, one a plane. Imported by name, never discovered."""
