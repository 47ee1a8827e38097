"""The cluster as the controller knows it."""
