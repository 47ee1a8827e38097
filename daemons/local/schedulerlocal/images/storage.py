"""Work on files that may lie on storage which does not answer."""

from collections.abc import Callable
from typing import TypeVar

from schedulerlocal.backends.libvirt.deadline import BusyError, Deadline, OverdueError, Workers
from schedulerlocal.hypervisor import HypervisorError
from slackvm.model.codes import Code

T = TypeVar("T")

MAX_WORK = 8
"""Pieces of work that may be under way at once, those that hang included."""


class StorageHungError(HypervisorError):
    """Storage does not answer; what was begun may still be done some day."""

    def __init__(self, what: str) -> None:
        super().__init__(Code.HYPERVISOR_FAILED, f"{what}: its storage does not answer")


class Storage:
    """Does work on files in threads that can be left behind."""

    def __init__(self) -> None:
        self._workers = Workers("storage", MAX_WORK)

    def run(self, what: str, work: Callable[[], T], deadline: Deadline) -> T:
        """Return what `work` returns, or raise what it raises.

        Raises:
            StorageHungError: it has not ended by the deadline.
        """
        try:
            return self._workers.run(work, deadline)
        except (BusyError, OverdueError) as error:
            raise StorageHungError(what) from error
