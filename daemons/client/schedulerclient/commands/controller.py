"""`slackvm controller`: which hosts obey the controller."""

import click

from schedulerclient.output import output
from schedulerclient.session.server import Answer
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.controllers import ControllerReply

EXAMPLES = """
\b
Examples:
  slackvm controller
  slackvm controller take-over
"""


@click.group(invoke_without_command=True, epilog=EXAMPLES)
@client_command
def controller(client: Client) -> None:
    """Show the controller's ID, and which hosts obey it."""
    if click.get_current_context().invoked_subcommand is None:
        _show(client, client.server.send(controller_api.SHOW_CONTROLLER, None, None))


@controller.command("take-over", epilog="\n\b\nExamples:\n  slackvm controller take-over\n")
@client_command
def take_over(client: Client) -> None:
    """Let all hosts obey this controller, whomever they obey now.

    The controller that they obeyed can change nothing on them any more.
    """
    _show(client, client.server.send(controller_api.TAKE_OVER, None, None, repeatable=True))


def _show(client: Client, answer: Answer) -> None:
    if client.printed_json(answer):
        return
    reply = answer.read(ControllerReply)
    output.show_line(f"controller {reply.id}, epoch {reply.epoch}")
    output.show_line(f"obeyed by: {', '.join(reply.obeying) or 'no host'}")
    for name, other in reply.others.items():
        output.show_line(f"{name} obeys controller {other}")
    if reply.waiting:
        output.show_line(f"taken over as soon as they answer: {', '.join(reply.waiting)}")
    if reply.reason:
        output.show_line(reply.reason)
