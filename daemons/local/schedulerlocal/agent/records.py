"""What a keeper writes down: the state file, then the operations log."""

import structlog

from schedulerlocal.agent.state import State, StateError, StateFolder, read_state, write_state
from slackvm.formats.files import remove_leftovers
from slackvm.formats.journal import Journal
from slackvm.formats.operations import ACCEPTED, Operation
from slackvm.model.host import Host
from slackvm.model.plan import Plan

log = structlog.get_logger()


class Records:
    """State file and operations log of one host.

    The state file is written before the log and holds the operations that the log does not have
    yet, so that a log that a crash left behind is completed at the next start, and none is ever
    ahead of the state. A disk that is full stops no operation: what could not be written is written
    later.

    Args:
        folder: the state directory.
        host_name: the host's name in the log.

    Attributes:
        is_behind: whether something could not be written yet.
    """

    def __init__(self, folder: StateFolder, host_name: str) -> None:
        self.is_behind = False
        self._state_path = folder.path / "state.json"
        self._journal = Journal(folder.path / "operations.jsonl")
        self._host_name = host_name
        self._seq = self._journal.seq
        self._pending: list[tuple[int, bytes]] = []
        remove_leftovers(self._state_path)

    def restore(self, host: Host, time: float) -> None:
        """Make the recorded state a host's; where there is none to use, the host begins anew."""
        try:
            state = read_state(self._state_path)
            if state is not None:
                state.restore(host)
                self._pending = [each for each in state.unlogged if each[0] > self._journal.seq]
                self._flush()
                self._seq = max(self._seq, state.seq)
                return
        except (StateError, ValueError) as error:
            log.error("state not usable, vNodes are made anew", error=str(error))
        if self._seq:
            self._seq += 1
            reset = Operation(
                self._seq, time, "reset", "", None, None, None, self._host_name, ACCEPTED
            )
            self._pending.append((self._seq, reset.to_line()))
            self._flush()

    def note_refusal(self, plan: Plan, time: float) -> None:
        """Write down an operation that changed nothing."""
        self._seq += 1
        self._pending.append((self._seq, self._operation(plan, time).to_line()))
        if not self.is_behind:
            self._flush()

    def commit(self, plan: Plan, host: Host, uuids: dict[str, str], time: float) -> None:
        """Write down an operation that led to the host's present state."""
        self._seq += 1
        self._pending.append((self._seq, self._operation(plan, time).to_line()))
        self._write(host, uuids)

    def catch_up(self, host: Host, uuids: dict[str, str]) -> None:
        """Write what could not be written before."""
        if self.is_behind:
            self._write(host, uuids)

    def close(self) -> None:
        """Close the log."""
        self._journal.close()

    def _operation(self, plan: Plan, time: float) -> Operation:
        return Operation.of(plan, self._seq, time, self._host_name)

    def _write(self, host: Host, uuids: dict[str, str]) -> None:
        try:
            write_state(self._state_path, State.of(host, uuids, self._seq, self._pending))
        except OSError as error:
            self.is_behind = True
            log.error("state not written", error=str(error))
            return
        self._flush()

    def _flush(self) -> None:
        self.is_behind = True
        while self._pending:
            seq, line = self._pending[0]
            try:
                self._journal.append(line, seq)
            except OSError as error:
                log.error("operation not logged", seq=seq, error=str(error))
                return
            del self._pending[0]
        self.is_behind = False
