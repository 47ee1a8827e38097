"""What every store promises, wherever it keeps its records."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from schedulerglobal.store.records import (
    Lines,
    Stored,
    StoredHost,
    StoredLostVM,
    StoredReservation,
    StoredVM,
)
from slackvm.model.codes import Code


class StoreError(Exception):
    """The store cannot be written or read now.

    Attributes:
        code: `STORAGE_FULL` or `STORAGE_FAILED`.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Store(ABC):
    """Hosts, VMs and reservations of a cluster, and the end of its operations log.

    A store belongs to one controller. Each method writes the given lines of the log together with
    its change, or neither:

    - `reserve` must survive a loss of power once it returns: the controller sends the request to
      the host after it. It fails where there is a VM or reservation of that name.
    - `set_host`, `forget_host`, `set_lost`, `drop_lost` and `set_value` must survive a loss of
      power once they return: nobody else knows what they write.
    - `confirm`, `release`, `set_vms` and `write_lines` may be lost with the power: the hosts
      report it again.
    - `load` is called once, before all others; `drop_lines` may be lost.

    Every method raises `StoreError` where it fails, and then has changed nothing.
    """

    @abstractmethod
    def load(self) -> Stored:
        """Return everything that can be read; a row that cannot is logged and left out."""

    @abstractmethod
    def reserve(self, reservation: StoredReservation, lines: Lines) -> None:
        """Add a reservation.

        Raises:
            StoreError: also where there is a VM or reservation of that name.
        """

    @abstractmethod
    def confirm(
        self, host: int, vm: StoredVM, lines: Lines, *, rebuilt: float | None = None
    ) -> None:
        """Replace the reservation of a VM by the VM.

        Args:
            host: ordinal of the host.
            vm: the VM.
            lines: of the log.
            rebuilt: when the lost VM was created that this one replaces; None: it replaces none.
        """

    @abstractmethod
    def release(self, name: str, lines: Lines) -> None:
        """Remove a reservation."""

    @abstractmethod
    def set_vms(
        self, host: int, changed: Sequence[StoredVM], gone: Collection[str], lines: Lines
    ) -> None:
        """Write the VMs of a host that are new or changed, and remove those that are gone."""

    @abstractmethod
    def set_host(self, host: StoredHost, lines: Lines) -> None:
        """Write a host that is new or changed."""

    @abstractmethod
    def forget_host(self, host: int, lines: Lines) -> None:
        """Remove a host, with its VMs and reservations."""

    @abstractmethod
    def set_lost(self, host: int, lost: Sequence[StoredLostVM], lines: Lines) -> None:
        """Write VMs that are lost, and remove them from the VMs of the host."""

    @abstractmethod
    def drop_lost(self, name: str, created: float, lines: Lines) -> None:
        """Remove the lost VM of a name that was created at this time."""

    @abstractmethod
    def set_value(self, key: str, value: str, lines: Lines) -> None:
        """Write what the controller keeps about itself."""

    @abstractmethod
    def write_lines(self, lines: Lines) -> None:
        """Keep lines of the log that belong to no change."""

    @abstractmethod
    def drop_lines(self, seq: int) -> None:
        """Remove the lines up to this number: the log has them on its disk."""

    @abstractmethod
    def close(self) -> None:
        """Close the store."""
