"""Changes of VMs that a host carried out, applied to the cluster."""

from dataclasses import replace

from schedulerglobal.reservations.reservations import take_summary
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.vms import VMRecord
from schedulerglobal.store.ledger import entry, vm_entry
from slackvm.api.hosts import SummaryReply
from slackvm.api.vms import ChangedReply
from slackvm.formats.operations import REFUSED
from slackvm.model.codes import Code


def apply_change(
    cluster: Cluster, host: HostRecord, verb: str, reply: ChangedReply, asked_at: float
) -> None:
    """Update a VM that a host has started, stopped or restarted, as `verb` says, and the host."""
    with cluster.lock:
        if reply.name not in host.vms:
            return
        vm = host.vms[reply.name] = VMRecord.from_reply(reply, host.vms[reply.name])
        cluster.ledger.write_eventually(
            lambda lines: cluster.store.set_vms(host.ordinal, [vm.to_stored()], (), lines),
            vm_entry(f"vm_{verb}", host.name, vm.vm, vm.owner),
        )
        take_summary(cluster, host, reply.summary, asked_at)
        cluster.changed(host)


def mark_removal(cluster: Cluster, host: HostRecord, vm: VMRecord, *, requested: bool) -> None:
    """Note whether a client asked to remove a VM, as long as the host has it."""
    with cluster.lock:
        known = host.vms.get(vm.name)
        if known is None or known.created != vm.created or known.removal_requested == requested:
            return
        marked = host.vms[vm.name] = replace(known, removal_requested=requested)
        cluster.ledger.write_eventually(
            lambda lines: cluster.store.set_vms(host.ordinal, [marked.to_stored()], (), lines)
        )


def apply_removal(
    cluster: Cluster, host: HostRecord, vm: VMRecord, summary: SummaryReply | None, asked_at: float
) -> None:
    """Remove a VM that a host has removed, unless another of its name has come since."""
    with cluster.lock:
        known = host.vms.get(vm.name)
        if known is not None and known.created == vm.created:
            del host.vms[vm.name]
            cluster.ledger.write_eventually(
                lambda lines: cluster.store.set_vms(host.ordinal, (), [vm.name], lines),
                vm_entry("remove", host.name, vm.vm, vm.owner),
            )
        take_summary(cluster, host, summary, asked_at, steps=1)
        cluster.changed(host)


def log_no_vm(cluster: Cluster, name: str) -> None:
    """Log that a VM was to be removed that does not exist."""
    with cluster.lock:
        if not cluster.ledger.is_behind:
            cluster.ledger.log_only(
                entry("remove", name=name, outcome=REFUSED, code=Code.VM_NOT_FOUND)
            )
