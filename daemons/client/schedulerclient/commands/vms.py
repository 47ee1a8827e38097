"""`slackvm remove`, `start`, `stop`, `restart`: VMs that there are."""

from collections.abc import Callable

import click

from schedulerclient.commands.fields import checked, complete_vm
from schedulerclient.output import output
from schedulerclient.output.failures import Denied, Failed, Unreachable, about
from schedulerclient.session.server import Answer
from schedulerclient.session.session import Client, asking
from slackvm.api.fields import VmName
from slackvm.api.vms import VMReply

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
@asking
def remove(client: Client, names: tuple[str, ...]) -> None:
    """Remove VMs; their images stay.

    A clone's own writes are lost. One that cannot be removed does not keep the others.
    """
    _each(
        client,
        names,
        lambda name: client.server.change("DELETE", f"/v1/vms/{name}"),
        lambda name, _: f"{name} is removed",
    )


def _state_command(verb: str, about: str) -> click.Command:
    """Return the command that changes the state of VMs."""
    examples = f"\n\b\nExamples:\n  slackvm {verb} web\n  slackvm {verb} web-1 web-2\n"

    @click.command(verb, help=about, epilog=examples)
    @names
    @asking
    def change(client: Client, names: tuple[str, ...]) -> None:
        _each(
            client,
            names,
            lambda name: client.server.change("POST", f"/v1/vms/{name}/{verb}"),
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
    ask: Callable[[str], Answer],
    say: Callable[[str, Answer], str],
) -> None:
    """Do something to each VM; what fails for one alone is told, and the others go on.

    Raises:
        Failed: it would fail for all.
    """
    client.waiting.expect(len(names))
    code = 0
    for name in names:
        try:
            with about(name):
                answer = ask(name)
                if not client.told(answer):
                    output.show_line(say(name, answer))
        except (Denied, Unreachable):
            raise
        except Failed as failure:
            client.tell_failure(failure)
            failure.show()
            code = max(code, failure.exit_code)
    if code:
        click.get_current_context().exit(code)
