"""The commands of `slackvm-analysis`."""
