"""`slackvm-global` and `python3 -m schedulerglobal`."""

import sys


def main() -> None:
    """Run the command, or say which extra it needs."""
    try:
        from schedulerglobal.cli import cli
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] in ("slackvm", "schedulerglobal"):
            raise
        sys.exit(f"slackvm-global needs {missing.name}: pip install 'slackvm[global]'")
    cli(prog_name="slackvm-global")


if __name__ == "__main__":
    main()
