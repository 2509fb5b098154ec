"""Audience clusters beside MiniBatchKMeans refitted every day."""
