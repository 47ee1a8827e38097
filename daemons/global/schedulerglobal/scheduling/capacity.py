"""How many more VMs of a mix the cluster takes, counted outside the process that serves."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import structlog
from pydantic import ValidationError

from schedulerglobal.scheduling.counter import Answer
from schedulerglobal.state.cluster import Cluster
from slackvm.api.errors import RestError, overloaded
from slackvm.api.scheduling import CapacityReply, CapacityRequest, HostCapacity
from slackvm.model.codes import Code
from slackvm.model.summary import HostSummary

log = structlog.get_logger(__name__)

TIMEOUT_S = 50.0
"""Seconds after which a count is ended from outside: its policy hangs. It ends itself earlier."""

_PIECE = 100
"""Hosts that are packed at once; other threads get their turn in between."""

_KILLED = -9

_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE")
"""Of the environment of the daemon, which may hold tokens."""


class CapacityCounter:
    """Counts in a process of its own, one count at a time.

    The process has a low priority. It knows no token and no file of this one. What a policy does
    there, be it that it crashes or hangs, harms one answer.

    Args:
        cluster: the hosts.
        policy: name of the policy.
    """

    def __init__(self, cluster: Cluster, policy: str) -> None:
        self._cluster = cluster
        self._policy = policy
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def capacity(self, request: CapacityRequest) -> CapacityReply:
        """Return how many more VMs of a mix fit.

        Raises:
            RestError: another count is running, too many fit, an empty host of the given size
                refuses a VM, or the policy fails.
        """
        with self._cluster.lock:
            hosts = self._cluster.fleet.summaries
        answer = self._counted(request, hosts)
        if answer.error is not None:
            error = answer.error
            code = Code.parse(error.code) or Code.INTERNAL
            raise RestError(
                code, error.message, field=error.field, needed=error.needed, free=error.free
            )
        return CapacityReply(
            vms=sum(answer.vms),
            hosts=[
                HostCapacity(host=host.name, vms=vms)
                for host, vms in zip(hosts, answer.vms, strict=True)
            ],
            hosts_needed=answer.hosts_needed,
        )

    def close(self) -> None:
        """End a count that is running."""
        process = self._process
        if process is not None:
            process.kill()

    def _counted(self, request: CapacityRequest, hosts: Sequence[HostSummary]) -> Answer:
        if not self._turn.acquire(blocking=False):
            raise overloaded("another capacity request is running")
        try:
            content, status = self._run(_packed(self._policy, request, hosts))
        finally:
            self._turn.release()
        try:
            return Answer.model_validate_json(content)
        except ValidationError:
            log.error("capacity_failed", policy=self._policy, status=status)
            end = f"ended with status {status}; see the log"
            if status == _KILLED:
                end = f"took longer than {TIMEOUT_S:g} s, or was killed"
            message = f"policy {self._policy}: the process that counts {end}"
            raise RestError(Code.POLICY_FAILED, message) from None

    def _run(self, request: bytes) -> tuple[bytes, int]:
        """Return what the process writes, and its exit status."""
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "schedulerglobal.scheduling.counter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        ) as process:
            self._process = process
            try:
                content, _ = process.communicate(request, TIMEOUT_S)
            except subprocess.TimeoutExpired:
                content = b""
            finally:
                process.kill()
                self._process = None
        return content, process.returncode


def _packed(policy: str, request: CapacityRequest, hosts: Sequence[HostSummary]) -> bytes:
    """Return what `counter` reads."""
    pieces = [pickle.dumps((policy, request.model_dump_json(), len(hosts)))]
    for first in range(0, len(hosts), _PIECE):
        pieces += [pickle.dumps(hosts[first : first + _PIECE])]
    return b"".join(pieces)


def _environment() -> dict[str, str]:
    """Return the environment of a process that finds the same modules and knows no settings."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    # One thread: the other CPUs are for those who serve.
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
