"""The server that a command asks: where it is, how it is asked."""
