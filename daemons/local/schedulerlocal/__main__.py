"""`slackvm-local` and `python3 -m schedulerlocal`."""

import sys


def main() -> None:
    """Run the command, or say which extra it needs."""
    try:
        from schedulerlocal.cli import cli
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] in ("slackvm", "schedulerlocal"):
            raise
        sys.exit(f"slackvm-local needs {missing.name}: pip install 'slackvm[local]'")
    cli(prog_name="slackvm-local")


if __name__ == "__main__":
    main()
