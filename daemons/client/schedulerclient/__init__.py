"""The command `slackvm`: a controller, or the daemon of one host, asked from a terminal."""
