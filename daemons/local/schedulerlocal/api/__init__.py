"""The REST endpoints of a host."""
