"""Idempotency keys: which requests to create VMs were cancelled, and what they created."""

from collections import deque

from schedulerlocal.agent.errors import RefusedError
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal

_KEPT = 4096
"""Cancelled keys that are remembered: many more than requests can be on their way at once."""


class IdempotencyKeys:
    """The keys by which clients can cancel their requests to create VMs.

    Requests do not outlive the daemon, so the keys are kept in memory only.
    """

    def __init__(self) -> None:
        self._cancelled: deque[str] = deque(maxlen=_KEPT)
        self._unanswered: dict[str, str] = {}

    def check(self, key: str | None) -> None:
        """Refuse a request that was cancelled.

        Raises:
            RefusedError: it was.
        """
        if key in self._cancelled:
            raise RefusedError(Refusal(Code.CANCELLED))

    def cancel(self, key: str) -> None:
        """Refuse requests with this key from now on."""
        self._cancelled.append(key)

    def note_unanswered(self, key: str | None, uuid: str) -> None:
        """Note that the hypervisor did not answer a request for a VM, and may still create it."""
        if key is not None:
            self._unanswered[uuid] = key

    def is_cancelled(self, uuid: str) -> bool:
        """Return whether the request that created a VM has been cancelled."""
        return self._unanswered.get(uuid) in self._cancelled
