"""The REST endpoints of the controller."""
