"""Commands that are shown before they run, so that each can be run again by hand."""

import shlex
import subprocess
import sys
from collections.abc import Sequence

import click
from rich.console import Console


def title(console: Console, text: str) -> None:
    """Print the title of a step."""
    console.print(f"\n[bold]{text}[/bold]")


def run(
    console: Console,
    module: str,
    *arguments: str,
    quiet: bool = False,
    fine: Sequence[int] = (0,),
) -> str:
    """Show and run a Python module as a command, and return what it printed where `quiet`.

    Args:
        console: where it is shown.
        module: the module.
        arguments: of its command line.
        quiet: whether to show what the command says only if it fails.
        fine: exit codes that are no failure.

    Raises:
        click.ClickException: the command failed; says which and its exit code.
    """
    shown = shlex.join(["python3", "-m", module, *arguments])
    console.print(f"  $ {shown}", markup=False)
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-m", module, *arguments],
        check=False,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode not in fine:
        click.echo(done.stdout or "", nl=False, err=True)
        raise click.ClickException(f"the step failed with exit code {done.returncode}: {shown}")
    return done.stdout or ""


def show_commands(console: Console, commands: Sequence[str]) -> None:
    """Show commands that run in the background."""
    for command in commands:
        console.print(f"  $ {command} &", markup=False)
