"""`slackvm completion`: scripts that complete command lines in a shell."""

import click
from click.shell_completion import get_completion_class

EXAMPLES = """
\b
Examples:
  eval "$(slackvm completion bash)"
      in ~/.bashrc; bash 4.4 or newer
  eval "$(slackvm completion zsh)"
      in ~/.zshrc, behind compinit
  slackvm completion fish > ~/.config/fish/completions/slackvm.fish
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands, options, and names of VMs and hosts.

    The server gives the names; if it does not answer within 2 seconds, no names are completed.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click does not know {shell}")
    root = context.find_root()
    click.echo(kind(root.command, {}, "slackvm", "_SLACKVM_COMPLETE").source())
