"""Cheroot's server, with limits: connections, whole requests, and the threads of each lane."""
