"""`make demo`: a cluster on this machine, from an empty one to the figures of each host."""
