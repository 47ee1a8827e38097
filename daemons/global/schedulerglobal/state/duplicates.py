"""VMs that are on several hosts."""

from collections.abc import Set

import structlog

from schedulerglobal.state.index import HostIndex

log = structlog.get_logger()


def log_duplicates(vms: HostIndex[str], before: Set[str]) -> Set[str]:
    """Log VMs that are on several hosts since `before`, or no longer; return their names now."""
    if vms.shared == before:
        return before
    now = frozenset(vms.shared)
    for name in sorted(now - before):
        log.error("vm_duplicated", vm=name, hosts=[host.name for host in vms.find(name)])
    for name in sorted(before - now):
        log.info("vm_not_duplicated", vm=name)
    return now
