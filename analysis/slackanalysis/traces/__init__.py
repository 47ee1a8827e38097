"""Public traces of other clouds as request lists and recordings."""
