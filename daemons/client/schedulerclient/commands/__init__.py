"""The subcommands of `slackvm`."""
