"""What is kept in files: monitoring records, operations logs, files replaced whole or not at all."""
