"""`slackvm` and `python3 -m schedulerclient`."""

import sys


def main() -> None:
    """Run the command, or say which extra it needs."""
    try:
        from schedulerclient.cli import cli
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] in ("slackvm", "schedulerclient"):
            raise
        sys.exit(f"slackvm needs {missing.name}: pip install 'slackvm[client]'")
    try:
        cli(prog_name="slackvm")
    except OSError as error:
        # All others are told as what they are.
        sys.exit(f"Error: stdout: {error.strerror}")


if __name__ == "__main__":
    main()
