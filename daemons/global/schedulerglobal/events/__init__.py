"""The operations log as a stream of events."""
