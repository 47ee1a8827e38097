"""The hosts' daemons as the controller asks them."""
