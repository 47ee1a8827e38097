"""The operations log over REST, as a stream of events."""

from collections.abc import Callable

import structlog

from schedulerglobal.events.stream import EventStream
from slackvm.api import controller_api
from slackvm.api.errors import RestError
from slackvm.api.events import NEWEST, EventReply, EventsQuery, EventsReply
from slackvm.api.roles import Caller, Role
from slackvm.formats.operations_files import Entry
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.model.codes import Code

log = structlog.get_logger()


def routes(stream: EventStream) -> list[AnyRoute]:
    """Return the routes."""

    def list_events(request: Request[None, EventsQuery]) -> Response:
        given = request.input
        selects = _selection(given, request.caller)
        try:
            if given.after == NEWEST:
                found = stream.newest(given.limit, selects)
            elif not given.wait:
                found = stream.read(given.after, given.limit, selects)
            else:
                found = stream.wait(given.after, given.limit, given.wait, selects)
        except (OSError, ValueError) as error:
            log.error("operations_log_unreadable", error=str(error))
            raise RestError(Code.STORAGE_FAILED, "the operations log cannot be read") from error
        events = [EventReply.model_validate(entry) for entry in found.entries]
        reply = EventsReply(events=events, first=found.first, next=found.next, more=found.more)
        return Response(200, reply)

    return [Route(controller_api.LIST_EVENTS, list_events)]


def _selection(query: EventsQuery, caller: Caller) -> Callable[[Entry], bool]:
    """Return which events a caller gets: who only deploys, those of the own VMs."""
    only_owner = caller.name if caller.role is Role.DEPLOY else None

    def selects(entry: Entry) -> bool:
        return (
            query.vm in ("", entry.get("name"))
            and query.host in ("", entry.get("host"))
            and (only_owner is None or entry.get("owner") == only_owner)
        )

    return selects
