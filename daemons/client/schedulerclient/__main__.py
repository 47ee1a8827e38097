"""The command `slackvm`, also `python3 -m schedulerclient`."""

import sys

from slackvm.cli.main import run_command


def main() -> None:
    """Run the command."""
    try:
        run_command("slackvm", "schedulerclient.cli:cli", "client")
    except OSError as error:
        # A closed or full stdout; Python would try to write to it once more at exit.
        sys.stdout = None
        sys.exit(f"Error: stdout: {error.strerror}")


if __name__ == "__main__":
    main()
