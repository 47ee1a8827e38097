"""The HTTP server and application behind a REST interface."""
