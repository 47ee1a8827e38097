"""`slackvm remove`, `start`, `stop`, `restart`: operations on VMs."""

from collections.abc import Callable

import click

from schedulerclient.commands.fields import checked, complete_vm
from schedulerclient.output import output
from schedulerclient.output.failures import Denied, Failed, Unreachable, about
from schedulerclient.session.server import Answer
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.base import VmName
from slackvm.api.vms import VMPath, VMReply

names = click.argument(
    "names",
    type=checked(VmName),
    nargs=-1,
    required=True,
    metavar="NAME...",
    shell_complete=complete_vm,
)

REMOVE_EXAMPLES = """
\b
Examples:
  slackvm remove web
  slackvm remove web-1 web-2 web-3
"""


@click.command(epilog=REMOVE_EXAMPLES)
@names
@client_command
def remove(client: Client, names: tuple[str, ...]) -> None:
    """Remove VMs; their images stay.

    What a clone has written is lost. If one VM cannot be removed, the others still are.
    """
    _each(
        client,
        names,
        lambda name: client.server.send(controller_api.REMOVE_VM, VMPath(name=name), None),
        lambda name, _: f"{name} is removed",
    )


def _state_command(verb: str, help_text: str) -> click.Command:
    """Return the command that changes the state of VMs."""
    examples = f"\n\b\nExamples:\n  slackvm {verb} web\n  slackvm {verb} web-1 web-2\n"

    @click.command(verb, help=help_text, epilog=examples)
    @names
    @client_command
    def change(client: Client, names: tuple[str, ...]) -> None:
        _each(
            client,
            names,
            lambda name: client.server.send(
                controller_api.CHANGE_VM[verb], VMPath(name=name), None
            ),
            _state,
        )

    return change


start = _state_command("start", "Start VMs that are stopped.")
stop = _state_command("stop", "Stop VMs; they keep their CPUs and memory until they are removed.")
restart = _state_command("restart", "Restart VMs.")


def _state(name: str, answer: Answer) -> str:
    vm = answer.read(VMReply)
    return f"{name} is {vm.state} on {vm.host}"


def _each(
    client: Client,
    names: tuple[str, ...],
    operation: Callable[[str], Answer],
    summary: Callable[[str, Answer], str],
) -> None:
    """Do an operation on each VM; a failure of one alone is printed, and the others go on.

    Raises:
        Failed: the operation would fail for all.
    """
    client.waiting.expect(len(names))
    code = 0
    for name in names:
        try:
            with about(name):
                answer = operation(name)
                if not client.printed_json(answer):
                    output.show_line(summary(name, answer))
        except (Denied, Unreachable):
            raise
        except Failed as failure:
            client.print_failure_json(failure)
            failure.show()
            code = max(code, failure.exit_code)
    if code:
        click.get_current_context().exit(code)
