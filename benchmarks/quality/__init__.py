"""How good predictions are, beside what a batch team would run."""
