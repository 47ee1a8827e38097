"""The process that counts: it reads one request from stdin, and writes the answer to stdout.

`schedulerglobal.scheduling.capacity` starts it.
"""

import os
import pickle
import signal
import sys
from contextlib import suppress
from typing import IO

from pydantic import BaseModel

from slackvm.api.errors import ErrorDetail, RestError
from slackvm.model.summary import HostSummary

SECONDS = 15.0
"""CPU time that a count may take."""

_LONGEST_S = 90
"""Seconds after which the process ends, even if nobody is left to end it."""

_NICENESS = 15


class Answer(BaseModel):
    """The result of a count.

    Attributes:
        vms: VMs that each host takes, in the order of the request.
        hosts_needed: hosts that the number of VMs needs; None: it was not asked for.
        error: why there is no result.
    """

    vms: list[int] = []
    hosts_needed: int | None = None
    error: ErrorDetail | None = None


def answer(request: IO[bytes]) -> Answer:
    """Return the answer of a request, as `capacity` sends it."""
    from schedulerglobal.scheduling.counting import Budget, count, hosts_needed
    from slackvm import plugins
    from slackvm.api.scheduling import CapacityRequest
    from slackvm.model.placement import Fleet

    name, text, number = pickle.load(request)  # noqa: S301 - of our own parent
    hosts: list[HostSummary] = []
    while len(hosts) < number:
        hosts += pickle.load(request)  # noqa: S301
    policy = plugins.find_policy(name)
    asked = CapacityRequest.model_validate_json(text)
    budget = Budget(SECONDS)
    try:
        needed = None
        if asked.count is not None and asked.host is not None:
            needed = hosts_needed(policy, asked.mix, asked.count, asked.host, budget)
        return Answer(vms=count(Fleet(hosts), policy, asked.mix, budget), hosts_needed=needed)
    except RestError as error:
        return Answer(error=error.detail)


def main() -> None:
    """Answer one request."""
    signal.alarm(_LONGEST_S)
    # Policies may print: stdout becomes stderr, and only the answer goes to the old one.
    output = os.dup(1)
    os.dup2(2, 1)
    with suppress(OSError):
        os.nice(_NICENESS)
    reply = answer(sys.stdin.buffer).model_dump_json().encode()
    with os.fdopen(output, "wb") as pipe:
        pipe.write(reply)


if __name__ == "__main__":
    main()
