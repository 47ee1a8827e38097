"""The command `slackvm`, also `python3 -m schedulerclient`."""

import sys

from slackvm.cli.main import run_command


def main() -> None:
    """Run the command."""
    try:
        run_command("slackvm", "schedulerclient.cli:cli", "client")
    except OSError as error:
        # All others are told as what they are. Python would write once more at its end.
        sys.stdout = None
        sys.exit(f"Error: stdout: {error.strerror}")


if __name__ == "__main__":
    main()
