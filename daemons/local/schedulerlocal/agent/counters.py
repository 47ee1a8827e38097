"""How operations ended (accepted, refused or failed), counted."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from schedulerlocal.agent.errors import BusyError, RefusedError
from schedulerlocal.hypervisor import HypervisorError
from slackvm.formats.operations import ACCEPTED, REFUSED
from slackvm.model.codes import Code

COUNTED = ("deploy", "cancel", "remove", "start", "stop", "restart")
"""Operations of clients that change something."""

FAILED = "failed"
"""The operation was not refused, and could not be carried out."""


class Outcome(NamedTuple):
    """How an operation ended.

    Attributes:
        op: one of `COUNTED`.
        outcome: `accepted`, `refused` or `failed`.
        code: why it was refused or failed; empty otherwise.
    """

    op: str
    outcome: str
    code: str


class OperationCounters:
    """Counts how operations end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counter({Outcome(op, ACCEPTED, ""): 0 for op in COUNTED})

    @contextmanager
    def counted(self, op: str) -> Iterator[None]:
        """Count the body of the `with` statement as one operation."""
        outcome, code = FAILED, str(Code.INTERNAL)
        try:
            yield
            outcome, code = ACCEPTED, ""
        except RefusedError as error:
            outcome, code = REFUSED, error.refusal.code
            raise
        except HypervisorError as error:
            code = error.code
            raise
        except BusyError:
            code = Code.OVERLOADED
            raise
        finally:
            with self._lock:
                self._counts[Outcome(op, outcome, code)] += 1

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """Number of operations by how they ended."""
        with self._lock:
            return dict(self._counts)
