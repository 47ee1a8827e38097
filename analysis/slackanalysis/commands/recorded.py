"""A command that knows the command line it was given, for the manifest of its outputs."""

import click

_KEY = "slackanalysis.command_line"


class RecordedCommand(click.Command):
    """A command whose command line `command_line` returns."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments word for word, and parse them."""
        ctx.meta[_KEY] = [*ctx.command_path.split(), *args]
        return super().parse_args(ctx, args)


def command_line(context: click.Context) -> list[str]:
    """Return the command and its arguments, word for word."""
    words: list[str] = context.meta[_KEY]
    return words
