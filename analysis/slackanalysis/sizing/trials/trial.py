"""A list of requests with the hosts that serve it, and what became of the requests."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from slackanalysis.sizing.hosts import Hosts
from slackanalysis.sizing.refusals import RefusedVM
from slackanalysis.workload.requests import RequestList

NOWHERE = -1
"""Stands for the host of a VM that was refused."""


class OnRefusal(Enum):
    """What a trial does when no host takes a VM."""

    ADD_HOSTS = "begin again with one host more"
    RECORD = "go on, and keep which VM it was and why"


@dataclass(frozen=True)
class Trial:
    """A list of requests, and the hosts that serve it.

    Attributes:
        requests: the list.
        hosts: what each host offers.
        count: number of hosts at the start.
        on_refusal: what happens when no host takes a VM.
    """

    requests: RequestList
    hosts: Hosts
    count: int
    on_refusal: OnRefusal = OnRefusal.ADD_HOSTS


@dataclass(frozen=True)
class PlacementRun:
    """What became of a list of requests on a cluster.

    Attributes:
        hosts: number of hosts of the cluster.
        host: index of the host at which each event of the list happened, shape (events,); -1 for
            the events of a VM that was refused.
        gained: CPUs that vNodes gained at each event, below 0 where they lost some, shape
            (events,).
        refused: the VMs that no host took, in order.
    """

    hosts: int
    host: NDArray[np.int64]
    gained: NDArray[np.int64]
    refused: tuple[RefusedVM, ...] = ()
