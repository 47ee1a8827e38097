"""The monitoring record: its schema, and reading, checking and writing recordings of it."""
