"""What a controller must not forget, and its operations log."""
