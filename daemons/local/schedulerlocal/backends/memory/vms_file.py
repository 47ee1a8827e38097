"""`guests.json`: the simulated VMs.

`slackvm.formats.versions` says how releases read each other's files. Version 1, of release 0.1.0,
is a list of the VMs without labels. Version 2 is an object.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from schedulerlocal.backends.memory.simulated import SimulatedVM
from schedulerlocal.hypervisor import VMSpec
from slackvm.formats.files import atomic_write
from slackvm.formats.versions import readable_version
from slackvm.model.vm import VM

VERSION = 2
READABLE_BY = 2
"""The oldest version whose readers can use what is written here."""


class VMsFileError(ValueError):
    """The file cannot be used; says why."""


def read_vms(path: Path) -> dict[str, SimulatedVM]:
    """Return the VMs by name; none if there is no file.

    The file of another version is copied, since the next write replaces it.

    Raises:
        VMsFileError: it cannot be read, is damaged, or needs a later release.
    """
    try:
        document = json.loads(path.read_bytes())
        if isinstance(document, list):
            document = {"version": 1, "vms": document}
        version = readable_version(document, VERSION)
        vms = [_parsed(entry) for entry in document["vms"]]
        if version != VERSION:
            shutil.copy2(path, path.with_name(f"{path.name}.v{version}-backup"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VMsFileError(f"{path}: the VMs of the memory hypervisor: {error}") from error
    return {vm.spec.vm.name: vm for vm in vms}


def write_vms(path: Path, vms: Iterable[SimulatedVM]) -> None:
    """Write the VMs.

    Raises:
        OSError: they cannot be written; the old file is still there.
    """
    document = {
        "version": VERSION,
        "readable_by": READABLE_BY,
        "vms": [_entry(vm) for vm in vms],
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(document))


def _parsed(entry: dict[str, Any]) -> SimulatedVM:
    order, size = entry["order"], entry["order"]["vm"]
    vm = VM(size["name"], size["vcpus"], size["memory_mib"], size["level"])
    spec = VMSpec(
        vm,
        order["uuid"],
        Path(order["image"]),
        order["clone"],
        order["created"],
        {key: text for key, text in order.get("labels", {}).items() if isinstance(text, str)},
        order.get("owner", ""),
        order.get("anti_affinity", ""),
    )
    return SimulatedVM(spec, tuple(entry["pins"]), entry["state"], entry["since"])


def _entry(vm: SimulatedVM) -> dict[str, Any]:
    spec = vm.spec
    order = {
        "vm": {
            "name": spec.vm.name,
            "vcpus": spec.vm.vcpus,
            "memory_mib": spec.vm.memory_mib,
            "level": spec.vm.level,
        },
        "uuid": spec.uuid,
        "image": str(spec.image),
        "clone": spec.clone,
        "created": spec.created,
        "labels": dict(spec.labels),
        "owner": spec.owner,
        "anti_affinity": spec.anti_affinity,
    }
    return {"order": order, "pins": vm.pins, "state": vm.state, "since": vm.since}
