"""The command `slackvm-analysis`, also `python -m slackanalysis`."""

import sys

COMMAND = "slackvm-analysis"
_OWN = ("slackanalysis", "slackvm")


def main() -> None:
    """Run the command; where a library is missing, say which extra brings it and exit with 1."""
    try:
        from slackanalysis.commands.cli import cli
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing in _OWN:
            raise
        sys.exit(f"{COMMAND}: {missing} is not installed: pip install 'slackvm[analysis]'")
    cli(prog_name=COMMAND)


if __name__ == "__main__":
    main()
