"""The domain XML of a VM, built from values and never from pieces of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from lxml.builder import E

from schedulerlocal.backends.libvirt.metadata import unfinished_element
from schedulerlocal.hypervisor import HypervisorError, VMSpec
from slackvm.model.codes import Code
from slackvm.topologies.cpu_list import format_cpu_list

BALLOON_PERIOD_S = 5
"""How often a guest's balloon driver reports its memory use."""

_CPU_MODES = ("host-passthrough", "maximum")
"""The best first; TCG has no `host-passthrough`."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What libvirt offers for VMs on this host.

    Attributes:
        domain_type: `kvm`, or `qemu` for TCG.
        arch: CPU architecture.
        machine: machine type.
        emulator: QEMU's binary.
        cpu_mode: libvirt's CPU mode; empty: QEMU's default CPU.
    """

    domain_type: str
    arch: str
    machine: str
    emulator: str
    cpu_mode: str


def platform_of(capabilities: str) -> Platform:
    """Return the platform that libvirt's domain capabilities describe."""
    root = etree.fromstring(capabilities)
    modes = [
        mode
        for mode in _CPU_MODES
        if root.find(f"cpu/mode[@name='{mode}'][@supported='yes']") is not None
    ]
    return Platform(
        root.findtext("domain", ""),
        root.findtext("arch", ""),
        root.findtext("machine", ""),
        root.findtext("path", ""),
        modes[0] if modes else "",
    )


def domain_xml(
    spec: VMSpec, cpu_ids: Sequence[int], disk: Path, platform: Platform, network: str
) -> str:
    """Return the description of a domain that is pinned from its start.

    Args:
        spec: the VM.
        cpu_ids: CPUs that its vCPUs and its emulator threads may use.
        disk: its disk: the image, or the overlay of a clone.
        platform: what libvirt offers.
        network: libvirt network that it is connected to; empty: none.

    Raises:
        HypervisorError: its name or a path has characters that XML does not allow.
    """
    try:
        domain = _domain(spec, format_cpu_list(cpu_ids), disk, platform, network)
    except ValueError as error:  # lxml takes no NUL, no control character, no broken UTF-8
        raise HypervisorError(
            Code.IMAGE_INVALID, f"VM {spec.vm.name!r} on {str(disk)!r} cannot be described: {error}"
        ) from error
    return etree.tostring(domain, encoding="unicode", pretty_print=True)


def _domain(
    spec: VMSpec, cpu_list: str, disk: Path, platform: Platform, network: str
) -> etree._Element:
    pins = [E.vcpupin(vcpu=str(vcpu), cpuset=cpu_list) for vcpu in range(spec.vm.vcpus)]
    domain = E.domain(
        E.name(spec.vm.name),
        E.uuid(spec.uuid),
        E.metadata(unfinished_element(spec)),
        E.memory(str(spec.vm.memory_mib), unit="MiB"),
        E.vcpu(str(spec.vm.vcpus), placement="static"),
        E.cputune(*pins, E.emulatorpin(cpuset=cpu_list)),
        E.os(E.type("hvm", arch=platform.arch, machine=platform.machine), E.boot(dev="hd")),
        E.features(E.acpi()),  # a guest is asked to shut down through ACPI
        type=platform.domain_type,
    )
    if platform.cpu_mode:
        domain.append(E.cpu(mode=platform.cpu_mode))
    domain.extend(
        [
            E.on_poweroff("destroy"),
            E.on_reboot("restart"),
            E.on_crash("destroy"),
            _devices(disk, platform.emulator, network),
        ]
    )
    return domain


def _devices(disk: Path, emulator: str, network: str) -> etree._Element:
    devices = E.devices(
        E.emulator(emulator),
        E.disk(
            E.driver(name="qemu", type="qcow2"),
            E.source(file=str(disk)),
            E.target(dev="vda", bus="virtio"),
            type="file",
            device="disk",
        ),
        E.controller(type="usb", model="none"),
        E.serial(type="pty"),
        E.console(type="pty"),
        E.memballoon(E.stats(period=str(BALLOON_PERIOD_S)), model="virtio"),
    )
    if network:
        devices.append(
            E.interface(E.source(network=network), E.model(type="virtio"), type="network")
        )
    return devices
