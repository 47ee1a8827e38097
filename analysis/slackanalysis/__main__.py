"""The command `slackvm-analysis`, also `python3 -m slackanalysis`."""

from slackvm.cli.main import run_command


def main() -> None:
    """Run the command."""
    run_command("slackvm-analysis", "slackanalysis.commands.cli:cli", "analysis")


if __name__ == "__main__":
    main()
