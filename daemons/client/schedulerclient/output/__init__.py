"""Output: tables, JSON, numbers, errors."""
