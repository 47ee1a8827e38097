"""The command `slackvm`: requests to a controller, or to the daemon of one host."""
