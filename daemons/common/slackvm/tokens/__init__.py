"""Named tokens: a file of their hashes, how it is changed, and how a daemon follows it."""
