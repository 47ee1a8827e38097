"""The global scheduler: the controller of a cluster, which chooses the host of each VM."""
