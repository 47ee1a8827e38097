"""How a command begins, finds its subcommands, and ends."""
