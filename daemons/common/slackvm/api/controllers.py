"""Which controller a host obeys: what controllers send, and what hosts and controllers reply."""

import re
from typing import Annotated, NamedTuple

from pydantic import Field

from slackvm.api.base import WHOLE, Inputs, Reply
from slackvm.api.errors import malformed

HEADER = "SlackVM-Controller"
"""Header of a controller's requests to hosts: its claim, as `ID EPOCH`."""

_MOST_EPOCHS = 10**15 - 1

HOLD = " hold"
"""After the claim: the host was evacuated, so it must not start VMs after its boot."""

_CLAIM = re.compile(r"([A-Za-z0-9]{1,64}) ([0-9]{1,15})")


class ControllerClaim(NamedTuple):
    """A controller, and how often its claim on hosts was renewed.

    Attributes:
        id: random; as long as its store is kept, the controller keeps it.
        epoch: counted up when it takes hosts over.
    """

    id: str
    epoch: int

    def __str__(self) -> str:
        return f"{self.id} {self.epoch}"


def parse_claim(header: str) -> ControllerClaim | None:
    """Return the claim in a header; None: a person sent the request.

    Raises:
        RestError: it is malformed.
    """
    if not header:
        return None
    match = _CLAIM.fullmatch(header)
    if match is None:
        raise malformed(f"the header {HEADER} is written ID EPOCH, as in 4f2a6b 1")
    return ControllerClaim(match[1], int(match[2]))


ControllerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$")]
Epoch = Annotated[int, Field(ge=0, le=_MOST_EPOCHS), WHOLE]


class ObeyRequest(Inputs):
    """The controller that a host is to obey.

    Attributes:
        id: its ID.
        epoch: its epoch.
        take_over: also if the host obeys another one.
    """

    id: ControllerId
    epoch: Epoch
    take_over: bool = False


class ObeyReply(Reply):
    """The controller that a host obeys; with an empty ID it obeys none."""

    id: str = Field(max_length=64)
    epoch: int = Field(ge=0, le=_MOST_EPOCHS)


class ControllerReply(Reply):
    """A controller and its hosts.

    Attributes:
        id: its ID.
        epoch: its epoch.
        obeying: names of the hosts that obey it.
        others: names of the hosts that obey another controller, each with the ID of that one.
        waiting: names of the hosts that it takes over as soon as they answer.
        reason: why it places no VMs; empty: it places them.
    """

    id: str
    epoch: int
    obeying: list[str]
    others: dict[str, str]
    waiting: list[str]
    reason: str
