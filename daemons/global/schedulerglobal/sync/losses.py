"""VMs that a host does not report any more: removed, or lost."""

from collections.abc import Set
from dataclasses import dataclass, field

import structlog

from schedulerglobal.hosts.replies import HostReport
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.lost import LostVM
from schedulerglobal.state.vms import VMRecord

log = structlog.get_logger()

REMOVALS_SINCE = 3
"""The first version of the REST interface whose hosts say which VMs were removed."""

Removals = Set[tuple[str, float]]
"""Names of VMs that were removed from a host, each with the time of its creation."""


@dataclass
class Gone:
    """VMs that a host had and does not report any more.

    Attributes:
        removed: those that a client of the controller asked to remove.
        lost: those of which no removal is known.
    """

    removed: list[VMRecord] = field(default_factory=list)
    lost: list[LostVM] = field(default_factory=list)


def sort_gone(host: HostRecord, report: HostReport, removals: Removals | None) -> Gone | None:
    """Return which VMs of a host are gone, and how.

    A VM is removed where a client of the controller asked for it, where the daemon that had it
    still runs (it logs each removal), or where the host remembers the removal. Otherwise nobody
    knows why the VM is gone, and it is lost.

    Args:
        host: the host as it is known; the cluster's lock is held.
        report: what it reports.
        removals: which VMs were removed from it; None: it was not asked.

    Returns:
        None where it depends on `removals`, and the host was not asked.
    """
    there = {vm.name: vm.created for vm in report.vms.vms}
    is_same_boot = host.report is not None and host.report.boot_id == report.host.boot_id
    gone, elsewhere = Gone(), []
    for vm in host.vms.values():
        if there.get(vm.name) == vm.created:
            continue
        if vm.removal_requested or vm.name in host.removing:
            gone.removed.append(vm)
        elif is_same_boot or (removals and (vm.name, vm.created) in removals):
            elsewhere.append(vm)
        elif removals is None and report.host.api_version >= REMOVALS_SINCE:
            return None
        else:
            reason = f"host {host.name} does not have it any more, and knows of no removal"
            gone.lost.append(LostVM.of(vm, host.name, reason))
    for vm in elsewhere:
        log.info("vm_removed_at_host", vm=vm.name, host=host.name, image=vm.image)
    return gone
