"""The command `slackvm-global`, also `python3 -m schedulerglobal`."""

from slackvm.cli.main import run_command


def main() -> None:
    """Run the command."""
    run_command("slackvm-global", "schedulerglobal.cli:cli", "global")


if __name__ == "__main__":
    main()
