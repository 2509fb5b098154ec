"""Evaluation: any event file through the very step and learners of the stream, in one process."""
