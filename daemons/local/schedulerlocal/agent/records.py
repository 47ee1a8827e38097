"""What the agent records: the state file, then the operations log."""

import shutil
import time as clock
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from schedulerlocal.agent.state_file import (
    VERSION,
    Removal,
    State,
    StateError,
    read_state,
    write_state,
)
from schedulerlocal.agent.state_folder import StateFolder
from schedulerlocal.hypervisor import ObservedVM
from slackvm.formats.files import remove_leftovers
from slackvm.formats.host_snapshot import host_state
from slackvm.formats.operations import ACCEPTED, Journal, Operation
from slackvm.formats.origin import current_origin
from slackvm.model.host import Host
from slackvm.model.labels import Labels
from slackvm.model.plan import Plan

log = structlog.get_logger()

KEPT_REMOVALS = 512
"""Removed VMs that a host remembers. A controller asks for them after an outage."""
_ROTATE_AGAIN_S = 60.0


class Records:
    """State file and operations log of one host.

    The state file is written before the log. It holds the operations that the log may lack: the
    next start completes a log that a crash cut short, and the log is never ahead of the state. A
    full disk stops no operation: what could not be written is written later.

    Args:
        folder: the state directory.
        host_name: the host's name in the log.
        log_bytes: above this size the log goes on in a new file; 0: never.

    Attributes:
        is_behind: whether something could not be written yet.
        removals: the last VMs that were removed, the latest last.
    """

    def __init__(self, folder: StateFolder, host_name: str, log_bytes: float = 0) -> None:
        self.is_behind = False
        self.removals: tuple[Removal, ...] = ()
        self._log_bytes = log_bytes
        self._rotate_after = 0.0
        self._time = 0.0
        self._state_path = folder.path / "state.json"
        self._journal = Journal(folder.path / "operations.jsonl")
        self._host_name = host_name
        self._seq = self._journal.seq
        self._pending: list[tuple[int, bytes]] = []
        remove_leftovers(self._state_path)

    def restore(self, host: Host, time: float) -> None:
        """Put a host into the recorded state; without a usable one, it starts without vNodes.

        An unusable file is kept under another name. So is the file of a later release, since the
        next write drops the fields that this release does not know.
        """
        try:
            state = read_state(self._state_path)
            if state is not None:
                state.restore(host)
                self._accept(state)
                return
        except (StateError, ValueError) as error:
            kept_as = self._keep_aside()
            log.error("state_file_unusable", error=str(error), kept_as=kept_as)
        if self._seq:
            self._seq += 1
            reset = Operation(
                self._seq, time, "reset", "", None, None, None, self._host_name, ACCEPTED
            )
            self._pending.append((self._seq, reset.to_line()))
            self._flush()

    def log_refusal(self, plan: Plan, time: float, labels: Labels, owner: str) -> None:
        """Record an operation that changed nothing."""
        self._append(plan, time, labels, owner)
        if not self.is_behind:
            self._flush()

    def note_removal(self, removal: Removal) -> None:
        """Remember that a VM was removed; it is written with the next operation."""
        self.removals = (*self.removals, removal)[-KEPT_REMOVALS:]
        self.is_behind = True

    def commit(self, plan: Plan, host: Host, vms: Mapping[str, ObservedVM], time: float) -> None:
        """Record an operation that led to the host's present state."""
        spec = vms[plan.name].spec if plan.name in vms else None
        labels = spec.labels if spec and plan.operation == "deploy" else {}
        self._append(plan, time, labels, spec.owner if spec else "")
        self._write(host, vms)

    def catch_up(self, host: Host, vms: Mapping[str, ObservedVM]) -> None:
        """Write what could not be written before."""
        if self.is_behind:
            self._write(host, vms)

    def close(self) -> None:
        """Close the log."""
        self._journal.close()

    def _accept(self, state: State) -> None:
        if state.version > VERSION:
            copy = self._beside(f"v{state.version}-backup")
            try:
                shutil.copy2(self._state_path, copy)
            except OSError as error:
                log.error("state_file_not_copied", path=str(copy), error=str(error))
            log.warning("state_file_of_later_release", version=state.version, kept_as=str(copy))
        self.removals = tuple(state.removals)
        self._pending = [each for each in state.unlogged if each[0] > self._journal.seq]
        self._flush()
        self._seq = max(self._seq, state.seq)

    def _keep_aside(self) -> str | None:
        """Rename the state file, and return its new name; None: it cannot be renamed."""
        number = 1
        while (path := self._beside(f"unreadable-{number}")).exists():
            number += 1
        try:
            self._state_path.rename(path)
        except OSError:
            return None
        return str(path)

    def _beside(self, ending: str) -> Path:
        return self._state_path.with_name(f"{self._state_path.name}.{ending}")

    def _append(self, plan: Plan, time: float, labels: Labels, owner: str) -> None:
        self._seq += 1
        self._time = time
        origin = current_origin()
        operation = replace(
            Operation.of(plan, self._seq, time, self._host_name),
            labels=dict(labels) or None,
            owner=owner or None,
            by=origin.by,
            client=origin.client,
        )
        self._pending.append((self._seq, operation.to_line()))

    def _write(self, host: Host, vms: Mapping[str, ObservedVM]) -> None:
        try:
            write_state(self._state_path, host, vms, self._seq, self._pending, self.removals)
        except OSError as error:
            self.is_behind = True
            log.error("state_file_not_written", error=str(error))
            return
        self._flush()
        if self._log_bytes and not self.is_behind and self._journal.size > self._log_bytes:
            self._rotate(host)

    def _rotate(self, host: Host) -> None:
        """Let the log go on in a new file; if that fails, try again a minute later."""
        if clock.monotonic() < self._rotate_after:
            return
        seq = self._seq + 1
        snapshot = Operation(
            seq,
            self._time,
            "snapshot",
            *("", None, None, None),
            self._host_name,
            ACCEPTED,
            state=host_state(host),
        )
        try:
            self._journal.rotate(snapshot.to_line(), seq)
        except OSError as error:
            self._rotate_after = clock.monotonic() + _ROTATE_AGAIN_S
            log.error("operations_log_not_rotated", error=str(error))
            return
        self._seq = seq
        log.info("operations_log_rotated", seq=seq)

    def _flush(self) -> None:
        self.is_behind = True
        while self._pending:
            seq, line = self._pending[0]
            try:
                self._journal.append(line, seq)
            except OSError as error:
                log.error("operation_not_logged", seq=seq, error=str(error))
                return
            del self._pending[0]
        self.is_behind = False
