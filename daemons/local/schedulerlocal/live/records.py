"""What a keeper writes down: the state file, then the operations log."""

import structlog

from schedulerlocal.live.state import State, StateError, StateFolder, read_state, write_state
from slackvm.journal import Journal
from slackvm.model.host import Host
from slackvm.model.plan import Plan
from slackvm.operations import ACCEPTED, Operation

log = structlog.get_logger()


class Records:
    """State file and operations log of one host.

    The state file is written before the log and holds the last operation, so that a log that a
    crash left one operation behind is completed at the next start. A disk that is full stops
    neither: what could not be written is written with the next operation.

    Args:
        folder: the state directory.
        host_name: the host's name in the log.
    """

    def __init__(self, folder: StateFolder, host_name: str) -> None:
        self.is_behind = False
        self._state_path = folder.path / "state.json"
        self._journal = Journal(folder.path / "operations.jsonl")
        self._host_name = host_name
        self._seq = self._journal.seq
        self._pending: list[tuple[int, bytes]] = []

    def restore(self, host: Host, time: float) -> None:
        """Make the recorded state a host's; where there is none to use, the host begins anew."""
        try:
            state = read_state(self._state_path)
            if state is not None:
                state.restore(host)
                if self._journal.seq < state.seq and state.last:
                    self._append(state.seq, state.last.encode())
                self._seq = max(self._seq, state.seq)
                return
        except (StateError, ValueError) as error:
            log.error("state not usable, vNodes are made anew", error=str(error))
        if self._seq:
            self._seq += 1
            reset = Operation(
                self._seq, time, "reset", "", None, None, None, self._host_name, ACCEPTED
            )
            self._append(self._seq, reset.to_line())

    def note_refusal(self, plan: Plan, time: float) -> None:
        """Write down an operation that changed nothing."""
        self._seq += 1
        self._append(self._seq, self._operation(plan, time).to_line())

    def commit(self, plan: Plan, host: Host, uuids: dict[str, str], time: float) -> None:
        """Write down an operation that led to the host's present state."""
        self._seq += 1
        line = self._operation(plan, time).to_line()
        state = State.of(host, uuids, self._seq, line.decode())
        try:
            write_state(self._state_path, state)
        except OSError as error:
            self.is_behind = True
            log.error("state not written", error=str(error))
        self._append(self._seq, line)

    def catch_up(self, host: Host, uuids: dict[str, str]) -> None:
        """Write what could not be written before."""
        if not self.is_behind:
            return
        last = self._pending[-1][1].decode() if self._pending else ""
        try:
            write_state(self._state_path, State.of(host, uuids, self._seq, last))
        except OSError as error:
            log.error("state still not written", error=str(error))
            return
        self.is_behind = False
        self._flush()

    def close(self) -> None:
        """Close the log."""
        self._journal.close()

    def _operation(self, plan: Plan, time: float) -> Operation:
        return Operation.of(plan, self._seq, time, self._host_name)

    def _append(self, seq: int, line: bytes) -> None:
        self._pending.append((seq, line))
        self._flush()

    def _flush(self) -> None:
        while self._pending:
            seq, line = self._pending[0]
            try:
                self._journal.append(line, seq)
            except OSError as error:
                self.is_behind = True
                log.error("operation not logged", seq=seq, error=str(error))
                return
            del self._pending[0]
