"""A host's operations log is verified: every request is decided again, and compared."""

from dataclasses import replace
from pathlib import Path

from slackvm.formats.host_snapshot import host_state, restore_host
from slackvm.formats.operations import HOST_OPERATIONS, REFUSED, Operation
from slackvm.formats.operations_reader import OperationsError, read_operations
from slackvm.model.codes import is_code
from slackvm.model.host import Host
from slackvm.model.plan import Plan
from slackvm.model.refusal import CODES
from slackvm.verification.difference import Difference


def verify(path: Path, host: Host) -> tuple[list[Operation], Difference | None]:
    """Decide every operation of a log again on an empty host, up to the first that differs.

    A log that begins with a snapshot begins with that state; later snapshots are compared.

    Not decided, but returned as they are in the log: refusals for reasons other than the host's
    CPUs, memory and VMs (a cordon, for example), and operations that this release does not know.

    Returns:
        The operations as decided now, and the first difference (None: no difference).

    Raises:
        OperationsError: the log cannot be read, is not a host's, or has a request that is not
            valid.
    """
    decided: list[Operation] = []
    for logged in read_operations(path):
        if not logged.is_known:
            decided.append(logged)
            continue
        if logged.op not in HOST_OPERATIONS:
            raise OperationsError(
                f"{path}: seq {logged.seq}: {logged.op} is not an operation of a host"
            )
        if logged.op == "reset":
            host.restore([])
            decided.append(logged)
            continue
        if logged.op == "snapshot":
            if difference := _restore(logged, host, path, is_first=not decided):
                return [*decided, difference.decided], difference
            decided.append(logged)
            continue
        if logged.outcome == REFUSED and logged.code and not _is_decided(logged.code):
            decided.append(logged)
            continue
        plan = _plan(logged, host, path)
        now = Operation.of(plan, logged.seq, logged.time, logged.host)
        now = replace(
            now, labels=logged.labels, owner=logged.owner, by=logged.by, client=logged.client
        )
        decided.append(now)
        if difference := Difference.between(logged, now):
            return decided, difference
        if plan.accepted:
            host.commit(plan)
    return decided, None


def _restore(logged: Operation, host: Host, path: Path, *, is_first: bool) -> Difference | None:
    """Begin with a snapshot, or compare it with the state to which the lines before it led."""
    if not is_first:
        return Difference.between(logged, replace(logged, state=host_state(host)))
    try:
        restore_host(host, logged.state or {})
    except (KeyError, TypeError, ValueError) as error:
        raise OperationsError(
            f"{path}: seq {logged.seq}: the snapshot is invalid: {error}"
        ) from error
    return None


def _is_decided(code: str) -> bool:
    """Return whether a host refuses with this code because of what it has."""
    return any(is_code(code, known) for known in CODES)


def _plan(logged: Operation, host: Host, path: Path) -> Plan:
    if logged.op == "remove":
        return host.plan_remove(logged.name)
    if logged.op == "withhold":
        return host.plan_reserve_unmanaged(logged.withheld or (), logged.memory_mib or 0)
    try:
        return host.plan_deploy(logged.request())
    except ValueError as error:
        raise OperationsError(f"{path}: seq {logged.seq}: {error}") from error
