"""A host's operations log decided anew: the same requests, and every decision compared."""

from pathlib import Path

from slackvm.formats.operations import (
    HOST_OPERATIONS,
    REFUSED,
    Operation,
    OperationsError,
    read_operations,
)
from slackvm.model.codes import is_code
from slackvm.model.host import Host
from slackvm.model.plan import Plan
from slackvm.model.refusal import CODES
from slackvm.verification.difference import Difference


def verify(path: Path, host: Host) -> tuple[list[Operation], Difference | None]:
    """Decide every operation of a log anew on an empty host, up to the first that differs.

    A refusal for a reason outside the host's CPUs, memory and VMs (a cordon, say) has nothing to
    decide and is taken over.

    Returns:
        The operations as decided now, and the first difference (None: there is none).

    Raises:
        OperationsError: the log cannot be read, or holds a request that is none.
    """
    decided: list[Operation] = []
    for logged in read_operations(path):
        if logged.op not in HOST_OPERATIONS:
            raise OperationsError(f"{path}: seq {logged.seq}: {logged.op} is no host's operation")
        if logged.op == "reset":
            host.restore([])
            decided.append(logged)
            continue
        if logged.outcome == REFUSED and logged.code and not _is_decided(logged.code):
            decided.append(logged)
            continue
        plan = _plan(logged, host, path)
        now = Operation.of(plan, logged.seq, logged.time, logged.host)
        decided.append(now)
        if difference := Difference.between(logged, now):
            return decided, difference
        if plan.accepted:
            host.commit(plan)
    return decided, None


def _is_decided(code: str) -> bool:
    """Return whether a host refuses with this code because of what it has."""
    return any(is_code(code, known) for known in CODES)


def _plan(logged: Operation, host: Host, path: Path) -> Plan:
    if logged.op == "remove":
        return host.plan_remove(logged.name)
    if logged.op == "withhold":
        return host.plan_withhold(logged.withheld or (), logged.memory_mib or 0)
    try:
        return host.plan_deploy(logged.request())
    except ValueError as error:
        raise OperationsError(f"{path}: seq {logged.seq}: {error}") from error
