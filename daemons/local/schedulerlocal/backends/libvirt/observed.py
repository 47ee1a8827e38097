"""Reading libvirt's description of a domain."""

from collections.abc import Collection, Sequence

from lxml import etree

from schedulerlocal.backends.libvirt.metadata import is_unfinished, metadata_of, spec_of
from schedulerlocal.hypervisor import ObservedVM, PowerState, UnavailableError
from slackvm.topologies.cpu_list import parse_cpu_list
from slackvm.topologies.errors import TopologyError

KIB_PER_MIB = 1024


def read_domain(description: str) -> etree._Element:
    """Return libvirt's description of a domain as a tree.

    Raises:
        UnavailableError: it is not valid XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        return etree.fromstring(description, parser)
    except etree.XMLSyntaxError as error:
        raise UnavailableError(f"libvirt describes a domain in broken XML: {error}") from error


def observed_vm(
    domain: etree._Element,
    state: PowerState,
    affinity: Sequence[Sequence[int]] = (),
    online: Collection[int] = (),
) -> ObservedVM:
    """Return a domain as a VM.

    Args:
        domain: libvirt's description.
        state: whether it runs.
        affinity: for each vCPU the CPUs that the kernel lets it use; empty: not known.
        online: the CPUs of the host that are online, if `affinity` is given.

    Raises:
        UnavailableError: the description cannot be read.
    """
    name, uuid = domain.findtext("name", ""), domain.findtext("uuid", "")
    try:
        vcpus = _vcpus(domain)
        memory_kib = int(domain.findtext("memory", ""))
        default = _pins(domain.find("vcpu"))
        emulator = _pins(domain.find("cputune/emulatorpin")) or default
        by_vcpu = {
            int(pin.get("vcpu", "")): _pins(pin) for pin in domain.findall("cputune/vcpupin")
        }
    except (ValueError, TopologyError) as error:
        raise UnavailableError(
            f"libvirt's description of {name} cannot be read: {error}"
        ) from error
    pins = [by_vcpu.get(vcpu, default) for vcpu in range(vcpus)]
    known = tuple(cpu_ids for cpu_ids in pins if cpu_ids is not None)
    metadata = metadata_of(domain)
    spec = None if metadata is None else spec_of(metadata, name, uuid)
    return ObservedVM(
        name=name,
        uuid=uuid,
        vcpus=vcpus,
        memory_mib=-(-memory_kib // KIB_PER_MIB),
        state=state,
        spec=spec,
        vcpu_pins=_in_effect(known, affinity, online) if len(known) == vcpus else None,
        emulator_pins=emulator,
        is_unfinished=metadata is not None and spec is not None and is_unfinished(metadata),
    )


def _vcpus(domain: etree._Element) -> int:
    """Return the present number of vCPUs; the element's text is the maximum."""
    element = domain.find("vcpu")
    now = None if element is None else element.get("current", element.text)
    return int(now or "")


def _pins(element: etree._Element | None) -> tuple[int, ...] | None:
    cpu_list = None if element is None else element.get("cpuset")
    return None if cpu_list is None else parse_cpu_list(cpu_list)


def _in_effect(
    pins: tuple[tuple[int, ...], ...],
    affinity: Sequence[Sequence[int]],
    online: Collection[int],
) -> tuple[tuple[int, ...], ...]:
    """Return the kernel's affinity where it differs from libvirt's pins.

    libvirt does not notice when other software changes the affinity of a thread. CPUs that are
    offline are missing from every affinity, which is no difference.
    """
    if len(affinity) != len(pins):
        return pins
    return tuple(
        pinned if set(actual) == set(pinned) & set(online) else tuple(actual)
        for pinned, actual in zip(pins, affinity, strict=True)
    )
