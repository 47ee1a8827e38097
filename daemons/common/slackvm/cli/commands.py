"""Commands with subcommands that are imported when they run.

So `--help`, and a subcommand that needs little, start quickly.
"""

from pkgutil import resolve_name

import click


class LazyCommand(click.Command):
    """A subcommand that is listed here, and imported from elsewhere when it runs.

    Args:
        name: of the subcommand.
        place: of the click command that it stands for, `module:attribute`.
        summary: the first sentence of its help, for the list of subcommands.
    """

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self.place = place

    def load(self) -> click.Command:
        """Return the command that this one stands for."""
        command = resolve_name(self.place)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.place} is not a command")
        return command


class LazyGroup(click.Group):
    """A group of commands, some of which are imported when they run."""

    def add_lazy(self, name: str, place: str, summary: str) -> None:
        """Add a subcommand; see `LazyCommand` for the arguments."""
        self.add_command(LazyCommand(name, place, summary))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the name and command that `args` begin with, imported, and the other `args`."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest
