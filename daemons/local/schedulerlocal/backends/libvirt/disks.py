"""The files that domains use."""

from dataclasses import dataclass
from pathlib import Path

import libvirt
import structlog
from lxml import etree

from schedulerlocal.backends.libvirt.connection.errors import completed
from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
from schedulerlocal.backends.libvirt.domains import list_domains
from schedulerlocal.backends.libvirt.observed import observed_vm
from schedulerlocal.images.images import Use

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Disk:
    """A file that a domain uses.

    Attributes:
        path: the file.
        is_written: whether the domain writes it; otherwise it only reads it, as a backing file.
    """

    path: Path
    is_written: bool


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk that a domain names by storage pool and volume."""

    pool: str
    name: str
    is_written: bool


def list_uses(operation: LibvirtOperation) -> list[Use]:
    """Return which VM uses which files, as far as libvirt and SlackVM's metadata name them."""

    def ask(connection: libvirt.virConnect) -> list[Use]:
        uses = []
        for _, state, tree in list_domains(connection):
            vm = observed_vm(tree, state)
            if vm.spec:
                uses.append(Use(vm.name, vm.spec.image, not vm.spec.clone))
            for disk in disks_of(tree):
                if isinstance(disk, Disk):
                    uses.append(Use(vm.name, disk.path, disk.is_written))
                    continue
                path = _volume(connection, disk.pool, disk.name)
                if path is not None:
                    uses.append(Use(vm.name, path, disk.is_written))
        return uses

    return operation.ask("list disks", ask)


def disks_of(domain: etree._Element) -> list[Disk | Volume]:
    """Return the local files and block devices that a domain uses, as far as it names them.

    A running domain names the backing files of its disks too; a stopped one does not.
    """
    found: list[Disk | Volume] = []
    for disk in domain.findall("devices/disk"):
        is_written = disk.find("readonly") is None
        # A mirror is what a block job of a running domain writes
        for element, written in [
            (disk, is_written),
            *((mirror, True) for mirror in disk.findall("mirror")),
            *((backing, False) for backing in disk.iter("backingStore")),
        ]:
            source = element.find("source")
            if source is None:
                continue
            path = source.get("file") or source.get("dev")
            if path is not None:
                found.append(Disk(Path(path), written))
            elif source.get("volume") is not None:
                found.append(Volume(source.get("pool", ""), source.get("volume", ""), written))
    return found


def _volume(connection: libvirt.virConnect, pool: str, name: str) -> Path | None:
    try:
        return Path(connection.storagePoolLookupByName(pool).storageVolLookupByName(name).path())
    except libvirt.libvirtError as error:
        if completed(error).get_error_domain() != libvirt.VIR_FROM_STORAGE:
            raise
        log.warning("storage_volume_not_found", pool=pool, volume=name, error=str(error))
        return None
