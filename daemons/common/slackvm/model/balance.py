"""The CPUs that the VMs of each vNode may run on: the vNode's own, or also spare ones."""

from collections.abc import Collection, Iterable

from slackvm.model.topology import Topology
from slackvm.model.vnode import VNode

CRITICAL_SIZE = 6
"""Default of `OVSB_CRITICAL_SIZE`: the peaks of fewer VMs do not balance each other."""


def pin_lists(
    vnodes: Iterable[VNode],
    topology: Topology,
    critical_size: int = CRITICAL_SIZE,
    reserved: Collection[int] = (),
) -> dict[float, tuple[int, ...]]:
    """Return per level the CPUs (Linux's numbers, ascending) that each of its VMs is pinned to.

    If any oversubscribed vNode with VMs has fewer than `critical_size` of them, the VMs of all such
    vNodes share the union of their CPUs and every CPU that no vNode owns. Otherwise, and always at
    level 1.0, a VM is pinned to its own vNode's CPUs (SlackVM, IEEE Cluster 2024, balancing).

    Args:
        vnodes: the vNodes of one host.
        topology: the host's CPUs.
        critical_size: fewer VMs than this are too few.
        reserved: positions of CPUs of unmanaged VMs: no vNode may spread to them.
    """
    vnodes = list(vnodes)
    pins = {vnode.level: _numbers(topology, vnode.positions) for vnode in vnodes}
    shared = [vnode for vnode in vnodes if vnode.level > 1 and vnode.vms]
    if any(len(vnode.vms) < critical_size for vnode in shared):
        kept_out = {p for vnode in vnodes if vnode not in shared for p in vnode.positions}
        kept_out |= set(reserved) - {p for vnode in shared for p in vnode.positions}
        union = _numbers(topology, [p for p in range(len(topology)) if p not in kept_out])
        pins.update({vnode.level: union for vnode in shared})
    return pins


def _numbers(topology: Topology, positions: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(topology.cpu_ids[list(positions)].tolist()))
