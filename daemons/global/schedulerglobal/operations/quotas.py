"""The limits of a token: what each of its VMs may be, and what all of them may use."""

from dataclasses import replace
from pathlib import PurePosixPath

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.usage import Usage, usage
from schedulerglobal.state.vms import VMSpec
from slackvm.api.base import memory_mib
from slackvm.api.errors import RestError
from slackvm.api.roles import Caller
from slackvm.model.codes import Code
from slackvm.model.vm import VM


def owned(spec: VMSpec, caller: Caller) -> VMSpec:
    """Return a VM as its caller may have it: theirs, and on the hosts that they may use.

    Raises:
        RestError: 403, the caller's token does not allow it; names the field.
    """
    limits = caller.limits
    if limits.levels and spec.vm.level not in limits.levels:
        allowed = ", ".join(map(str, limits.levels))
        raise _forbidden("level", f"only VMs of level {allowed}")
    if limits.image_folders and not _is_inside(spec.image, limits.image_folders):
        raise _forbidden("image", f"only images in {', '.join(limits.image_folders)}")
    for key, value in limits.require.items():
        if spec.require.get(key, value) != value:
            raise _forbidden("require", f"only hosts with the label {key}={value}")
    return replace(spec, owner=caller.name, require={**spec.require, **limits.require})


def check(cluster: Cluster, caller: Caller, vm: VM) -> None:
    """Refuse a VM with which the VMs of its caller would use more than their token allows.

    Args:
        cluster: the cluster; its lock is held.
        caller: who deploys the VM.
        vm: the VM, which is not counted yet.

    Raises:
        RestError: 409, the quota does not suffice.
    """
    limits = caller.limits
    if not limits.has_quota:
        return
    used, needed = usage(cluster, caller.name), Usage.of(vm)
    memory = None if limits.memory_gib is None else memory_mib(limits.memory_gib)
    for field, limit, have, more, unit in (
        ("name", limits.vms, used.vms, needed.vms, "VMs"),
        ("vcpus", limits.vcpus, used.vcpus, needed.vcpus, "vCPUs"),
        ("memory_gib", memory, used.memory_mib, needed.memory_mib, "MiB"),
    ):
        if limit is not None and have + more > limit:
            free = max(limit - have, 0)
            raise RestError(
                Code.QUOTA_EXCEEDED,
                f"the token {caller.name} may use {limit} {unit} and uses {have}; "
                f"this VM needs {more}",
                field=field,
                needed=more,
                free=free,
            )


def _is_inside(image: str, folders: list[str]) -> bool:
    """Return whether a path is in one of the folders, whatever links there may be on the host."""
    path = PurePosixPath(image)
    return ".." not in path.parts and any(path.is_relative_to(folder) for folder in folders)


def _forbidden(field: str, allowed: str) -> RestError:
    return RestError(Code.FORBIDDEN, f"this token allows {allowed}", field=field)
