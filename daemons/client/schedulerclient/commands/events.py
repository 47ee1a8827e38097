"""`slackvm events`: what happened on a cluster, and who did it."""

import time
from datetime import datetime

import click

from schedulerclient.commands.fields import checked, complete_host, complete_vm, request
from schedulerclient.output import output
from schedulerclient.output.text import moment, printable
from schedulerclient.session.options import TIMEOUT_S, given_options
from schedulerclient.session.server import Answer
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.base import VmName
from slackvm.api.cluster import HostName
from slackvm.api.events import NEWEST, EventReply, EventsQuery, EventsReply

COLUMNS = ("TIME", "WHAT", "VM", "HOST", "BY", "FROM", "RESULT")

_WIDTHS = (14, 20, 16, 12, 10, 15, 0)
"""Of the columns of `--follow`, which cannot know what comes."""

_SHOWN = 100
_WAIT_S = 30
_PAUSE_S = 2.0

WORDS = {
    "start": "controller started",
    "host": "host changed",
    "add": "host added",
    "move": "host moved",
    "forget": "host forgotten",
    "cordon": "host cordoned",
    "uncordon": "host uncordoned",
    "fence": "host evacuated",
    "unfence": "host accepted again",
    "reserve": "VM placed",
    "deploy": "host creates VM",
    "confirm": "VM exists",
    "release": "placement withdrawn",
    "remove": "VM removed",
    "lost": "VM lost",
    "found": "lost VM found",
    "let_go": "lost VM let go",
    "vm_start": "VM started",
    "vm_stop": "VM stopped",
    "vm_restart": "VM restarted",
    "snapshot": "log rotated",
}
"""What happened, for each operation of the log; the page has the same words."""

EXAMPLES = """
\b
Examples:
  slackvm events
  slackvm events --follow --host host1
  slackvm events --vm web --json
  slackvm events --after 1200
"""


@click.command(epilog=EXAMPLES)
@click.option("--follow", is_flag=True, help="Wait for new events and show them, until Ctrl-C.")
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="SEQ",
    help=f"Events after this number.  [default: the last {_SHOWN}]",
)
@click.option(
    "--vm",
    type=checked(VmName),
    metavar="NAME",
    shell_complete=complete_vm,
    help="Only events about this VM.",
)
@click.option(
    "--host",
    type=checked(HostName),
    metavar="NAME",
    shell_complete=complete_host,
    help="Only events about this host.",
)
@click.option("--wide", is_flag=True, help="Show numbers and whole times, and every column.")
@client_command
def events(
    client: Client, follow: bool, after: int | None, vm: str | None, host: str | None, wide: bool
) -> None:
    """Show what happened: when, what, and who did it."""
    query = request(
        EventsQuery,
        after=NEWEST if after is None else after,
        limit=_SHOWN,
        vm=vm or "",
        host=host or "",
    )
    answer = client.server.send(controller_api.LIST_EVENTS, None, query)
    found = answer.read(EventsReply)
    _warn_of_missing(query.after, found)
    if follow:
        _follow(client, query, answer)
        return
    if client.printed_json(answer):
        return
    output.show_table(
        (*(("SEQ",) if wide else ()), *COLUMNS),
        [_row(event, wide=wide) for event in found.events],
        numbers=("SEQ",),
        optional=("BY", "FROM", "RESULT"),
        spare=("FROM", "BY"),
        wide=wide,
    )
    if not found.events:
        click.echo("There are no such events.", err=True)
    if found.more:
        click.echo(f"There are more: slackvm events --after {found.next}", err=True)


def _follow(client: Client, query: EventsQuery, answer: Answer) -> None:
    timeout = given_options(click.get_current_context()).get("timeout", TIMEOUT_S)
    wait = max(0, min(_WAIT_S, timeout - 5))
    is_first = True
    while True:
        found = answer.read(EventsReply)
        for event, document in zip(found.events, answer.document["events"], strict=True):
            if client.as_json:
                output.show_json(document)
                continue
            if is_first:
                click.echo(_line(COLUMNS))
                is_first = False
            click.echo(_line(_row(event, wide=False)))
        begun = time.monotonic()
        query = query.model_copy(update={"after": found.next, "wait": wait})
        answer = client.server.send(controller_api.LIST_EVENTS, None, query)
        found = answer.read(EventsReply)
        _warn_of_missing(query.after, found)
        if not found.events and time.monotonic() - begun < _PAUSE_S:
            # Too many requests wait for events already.
            time.sleep(_PAUSE_S)


def _warn_of_missing(after: int, found: EventsReply) -> None:
    if after != NEWEST and found.first > after + 1:
        missing = f"{after + 1} to {found.first - 1}"
        click.echo(f"Events {missing} are not kept any more.", err=True)


def _row(event: EventReply, *, wide: bool) -> tuple[str, ...]:
    accepted = event.outcome == "accepted"
    words = WORDS.get(event.op, event.op)
    if event.op == "host" and event.room and "state" in event.room:
        words = f"host is {event.room['state']}"
    result = "" if accepted else f"{event.outcome}: {event.code}" if event.code else event.outcome
    return (
        *((str(event.seq),) if wide else ()),
        moment(event.time) if wide else _short(event.time),
        words,
        event.name,
        event.host,
        event.by or "",
        event.client or "",
        result,
    )


def _line(cells: tuple[str, ...]) -> str:
    pairs = zip(cells, _WIDTHS, strict=True)
    padded = [printable(cell or "-").ljust(width) for cell, width in pairs]
    return "  ".join(padded).rstrip()


def _short(seconds: float) -> str:
    """Return a time of day here, with month and day."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return moment(seconds)
