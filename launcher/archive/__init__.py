"""A topic as Parquet files by day of event time, and back into a topic."""
