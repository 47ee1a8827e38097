"""The command `slackvm-local`, also `python3 -m schedulerlocal`."""

from slackvm.cli.main import run_command


def main() -> None:
    """Run the command."""
    run_command("slackvm-local", "schedulerlocal.cli:cli", "local")


if __name__ == "__main__":
    main()
