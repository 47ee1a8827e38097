"""File formats: monitoring records, operations logs, and files written atomically."""
