"""What a controller must not forget, wherever it is kept."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from slackvm.api.vms import VMReply, VMRequest

Lines = Sequence[tuple[int, bytes]]
"""Lines of the operations log, with their numbers."""


class StoreError(Exception):
    """The store cannot be written or read now.

    Attributes:
        code: `storage_full` or `storage_failed`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StoredHost(NamedTuple):
    """A host of the cluster.

    Attributes:
        ordinal: its place among all hosts that there ever were.
        url: of its daemon, as it was given.
        name: its name; empty: it has not told one yet.
        cordoned: whether it shall get no VMs.
    """

    ordinal: int
    url: str
    name: str
    cordoned: bool


class StoredReservation(NamedTuple):
    """A VM that a host was chosen for, of which it is not known whether it came to be.

    Attributes:
        request: what was asked for.
        host: ordinal of the host.
        attempt: what the requests to the host bear.
    """

    request: VMRequest
    host: int
    attempt: str


@dataclass(frozen=True)
class Stored:
    """All that a store holds.

    Attributes:
        hosts: in order.
        vms: by the ordinal of their host, as they were told last; CPUs are not kept.
        orders: what is not settled.
        lines: of the operations log, those that may not have reached it.
    """

    hosts: list[StoredHost] = field(default_factory=list)
    vms: dict[int, list[VMReply]] = field(default_factory=dict)
    orders: list[StoredReservation] = field(default_factory=list)
    lines: list[tuple[int, bytes]] = field(default_factory=list)


class Store(ABC):
    """Hosts, VMs and orders of a cluster, and the end of its operations log.

    Every change is done as a whole or not at all, the lines of the log that belong to it included.
    What more it takes:

    - `reserve` must be refused where the name has an order or a VM already, by whomever; once it
      returns, it survives a loss of power, for the controller then asks the host.
    - `set_host` and `forget_host` must survive a loss of power once they return: what they hold,
      nobody else knows.
    - `confirm`, `release`, `set_vms` and `note` may be lost with the power: hosts tell it again.
    - `load` is called once, before all others; `logged` may be lost.

    Every method raises `StoreError` where it cannot be done; then nothing of it is done.
    """

    @abstractmethod
    def load(self) -> Stored:
        """Return all."""

    @abstractmethod
    def reserve(self, order: StoredReservation, lines: Lines) -> None:
        """Add an order.

        Raises:
            StoreError: also where there is a VM or an order of that name.
        """

    @abstractmethod
    def confirm(self, name: str, host: int, vm: VMReply, lines: Lines) -> None:
        """Make an order a VM."""

    @abstractmethod
    def release(self, name: str, lines: Lines) -> None:
        """Drop an order."""

    @abstractmethod
    def set_vms(
        self, host: int, changed: Sequence[VMReply], gone: Collection[str], lines: Lines
    ) -> None:
        """Write down VMs of a host that are new or otherwise, and those that are gone."""

    @abstractmethod
    def set_host(self, host: StoredHost, lines: Lines) -> None:
        """Write down a host that is new or otherwise."""

    @abstractmethod
    def forget_host(self, host: int, lines: Lines) -> None:
        """Drop a host, with its VMs and orders."""

    @abstractmethod
    def note(self, lines: Lines) -> None:
        """Keep lines of the log that go with no change."""

    @abstractmethod
    def logged(self, seq: int) -> None:
        """Drop the lines up to this number: they are in the log for good."""

    @abstractmethod
    def close(self) -> None:
        """End."""
