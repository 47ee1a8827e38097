"""How a daemon runs: served, known to systemd, logging."""
