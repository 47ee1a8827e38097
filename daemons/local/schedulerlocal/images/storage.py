"""Work on files whose storage may not answer."""

from collections.abc import Callable
from typing import TypeVar

from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.workers import NotStartedError, OverdueError, Workers
from slackvm.deadline import Deadline
from slackvm.model.codes import Code

T = TypeVar("T")

MAX_WORK = 8
"""Pieces of work at once, including those that hang."""


class StorageHungError(HypervisorError):
    """Storage does not answer; the work may still be done later."""

    def __init__(self, what: str) -> None:
        super().__init__(Code.HYPERVISOR_FAILED, f"{what}: its storage does not answer")


class Storage:
    """Runs work on files in threads that can be abandoned."""

    def __init__(self) -> None:
        self._workers = Workers("storage", MAX_WORK)

    def run(self, what: str, work: Callable[[], T], deadline: Deadline) -> T:
        """Return what `work` returns, or raise what it raises.

        Raises:
            StorageHungError: it has not ended by the deadline.
        """
        try:
            return self._workers.run(work, deadline)
        except (NotStartedError, OverdueError) as error:
            raise StorageHungError(what) from error
