"""What the daemons say over REST, to clients and to one another: shapes, no behaviour."""
