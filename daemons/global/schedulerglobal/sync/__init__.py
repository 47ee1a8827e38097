"""Hosts polled, and their reports taken over."""
