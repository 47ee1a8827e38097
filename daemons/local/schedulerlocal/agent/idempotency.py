"""Requests to create VMs whose answers were lost: which were withdrawn, and what comes of them."""

from collections import deque

from schedulerlocal.agent.counters import RefusedError
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal

_KEPT = 4096
"""Withdrawn attempts that are remembered: many more than requests can be on their way at once."""


class Attempts:
    """What requests to create VMs bear, so that clients can withdraw them.

    Requests do not outlive the daemon, so it is kept in memory only.
    """

    def __init__(self) -> None:
        self._withdrawn: deque[str] = deque(maxlen=_KEPT)
        self._unanswered: dict[str, str] = {}

    def check(self, attempt: str | None) -> None:
        """Refuse what was withdrawn.

        Raises:
            RefusedError: it was.
        """
        if attempt in self._withdrawn:
            raise RefusedError(Refusal(Code.CANCELLED))

    def withdraw(self, attempt: str) -> None:
        """Refuse an attempt from now on."""
        self._withdrawn.append(attempt)

    def note_unanswered(self, attempt: str | None, uuid: str) -> None:
        """Note that the hypervisor was asked for a VM, gave no answer, and may make it yet."""
        if attempt is not None:
            self._unanswered[uuid] = attempt

    def is_withdrawn(self, uuid: str) -> bool:
        """Tell whether a VM came of an attempt that had been withdrawn by then."""
        return self._unanswered.get(uuid) in self._withdrawn
