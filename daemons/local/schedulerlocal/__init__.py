"""The local scheduler: the daemon of one host, and its offline mode, which replays recordings."""
