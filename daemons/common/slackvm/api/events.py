"""Requests for the operations log of a controller, and replies."""

from typing import Annotated, Any

from pydantic import Field

from slackvm.api.base import WHOLE, Inputs, Reply, Word

LONGEST_WAIT_S = 60
"""How long a request may wait for new events, in seconds."""

NEWEST = -1
"""The value of `after` of a request for the newest events."""


class EventsQuery(Inputs):
    """Which events to return, in the order in which they happened.

    Attributes:
        after: those after this number; -1: the newest ones.
        wait: seconds to wait for the first one, if nothing has happened since.
        limit: at most so many.
        vm: those about the VM of this name; empty: about any or none.
        host: those about this host; empty: about any or none.
    """

    after: Annotated[int, Field(ge=NEWEST, le=10**18 - 1), WHOLE] = NEWEST
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S), WHOLE] = 0
    limit: Annotated[int, Field(ge=1, le=1000), WHOLE] = 100
    vm: str = Field(default="", max_length=100)
    host: str = Field(default="", max_length=300)


class EventReply(Reply):
    """An entry of the operations log; docs/cluster.md describes its further fields.

    Attributes:
        seq: its number.
        time: when, in seconds since the epoch.
        op: what happened; a later release may have other words.
        name: name of the VM; empty: it is not about a VM.
        host: name of the host; empty: it is not about a host.
        outcome: `accepted`, `refused` or `unknown`.
        code: why it was refused.
        owner: owner of the VM; None: it has none.
        by: name of the token of the request that caused it; None: it has none.
        client: address of that request; None: no request caused it.
    """

    seq: int
    time: float
    op: Word
    name: str = ""
    host: str = ""
    outcome: Word = "accepted"
    code: str | None = None
    owner: str | None = None
    by: str | None = None
    client: str | None = None
    room: dict[str, Any] | None = None


class EventsReply(Reply):
    """Events of a cluster.

    Attributes:
        events: the events.
        first: number of the oldest event that the controller keeps. Above `after` + 1: the events
            between are not kept any more.
        next: the value of `after` that returns the events after these.
        more: whether there are such events already.
    """

    events: list[EventReply]
    first: int
    next: int
    more: bool
