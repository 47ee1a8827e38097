"""Workloads: catalogues, request lists and host traces, generated or read from files."""
