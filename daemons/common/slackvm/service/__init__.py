"""Plumbing that the daemons share."""
