"""`slackvm remove`, `start`, `stop`, `restart`: operations on VMs."""

from collections.abc import Callable

import click

from schedulerclient.commands.fields import checked, complete_host, complete_vm, request
from schedulerclient.output import output
from schedulerclient.output.failures import Denied, Failed, Unreachable, about
from schedulerclient.session.server import Answer
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.base import VmName
from slackvm.api.cluster import HostChoice, HostName, VMRemoval
from slackvm.api.vms import VMPath, VMReply

names = click.argument(
    "names",
    type=checked(VmName),
    nargs=-1,
    required=True,
    metavar="NAME...",
    shell_complete=complete_vm,
)

host_option = click.option(
    "--host",
    type=checked(HostName),
    metavar="NAME",
    shell_complete=complete_host,
    help="The VM on this host, where several hosts have one of that name.",
)

REMOVE_EXAMPLES = """
\b
Examples:
  slackvm remove web
  slackvm remove web-1 web-2 web-3
  slackvm remove web --host host2
      the VM on host2, where host1 has one of that name too
  slackvm remove web --lost
      a VM that is gone: nobody will rebuild it
"""

REBUILD_EXAMPLES = """
\b
Examples:
  slackvm list --lost
  slackvm rebuild web
  slackvm rebuild web-1 web-2
"""


@click.command(epilog=REMOVE_EXAMPLES)
@names
@host_option
@click.option("--lost", is_flag=True, help="Let lost VMs go; VMs that exist are not removed.")
@client_command
def remove(client: Client, names: tuple[str, ...], host: str | None, lost: bool) -> None:
    """Remove VMs; their images stay.

    What a clone has written is lost. If one VM cannot be removed, the others still are.
    """
    given = request(VMRemoval, host=host or "", lost=lost)
    _each(
        client,
        names,
        lambda name: client.server.send(controller_api.REMOVE_VM, VMPath(name=name), given),
        lambda name, _: f"{name} is let go" if lost else f"{name} is removed",
    )


@click.command(epilog=REBUILD_EXAMPLES)
@names
@host_option
@client_command
def rebuild(client: Client, names: tuple[str, ...], host: str | None) -> None:
    """Create lost VMs again, as they were deployed.

    A clone begins with its image as it is; what the lost VM has written is gone. If one VM cannot
    be rebuilt, the others still are.
    """
    given = request(HostChoice, host=host or "")
    _each(
        client,
        names,
        lambda name: client.server.send(controller_api.REBUILD_VM, VMPath(name=name), given),
        _state,
    )


def _state_command(verb: str, help_text: str) -> click.Command:
    """Return the command that changes the state of VMs."""
    examples = f"\n\b\nExamples:\n  slackvm {verb} web\n  slackvm {verb} web-1 web-2\n"

    @click.command(verb, help=help_text, epilog=examples)
    @names
    @host_option
    @client_command
    def change(client: Client, names: tuple[str, ...], host: str | None) -> None:
        given = request(HostChoice, host=host or "")
        _each(
            client,
            names,
            lambda name: client.server.send(
                controller_api.CHANGE_VM[verb], VMPath(name=name), given
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
