"""Which files can hold a recording."""

ENDINGS = (".csv", ".csv.gz", ".parquet")
"""Endings of the names that a recording is written to."""
