"""Is what is served what the log says? Rows in the store beside the oracle's, at one position."""
