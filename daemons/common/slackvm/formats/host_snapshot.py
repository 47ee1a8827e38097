"""The state of a host in a `snapshot` of its operations log."""

from collections.abc import Mapping
from typing import Any

from slackvm.model.host import Host
from slackvm.model.vm import VM


def host_state(host: Host) -> dict[str, Any]:
    """Return all that later decisions of a host depend on."""
    return {
        "vnodes": [
            {
                "level": level,
                "cpus": list(host.cpu_ids(level)),
                "vms": [[vm.name, vm.vcpus, vm.memory_mib] for vm in vnode.vms.values()],
            }
            for level, vnode in host.vnodes.items()
        ],
        "withheld": sorted(host.reserved_for_unmanaged),
        "withheld_mib": host.reserved_for_unmanaged_mib,
    }


def restore_host(host: Host, state: Mapping[str, Any]) -> None:
    """Put a host into a state.

    Raises:
        ValueError: the host cannot be in it.
        KeyError, TypeError: it is not a state of a host.
    """
    host.restore(
        [
            (
                float(vnode["level"]),
                list(vnode["cpus"]),
                [
                    VM(name, vcpus, memory_mib, float(vnode["level"]))
                    for name, vcpus, memory_mib in vnode["vms"]
                ],
            )
            for vnode in state["vnodes"]
        ],
        state["withheld"],
        state["withheld_mib"],
    )
