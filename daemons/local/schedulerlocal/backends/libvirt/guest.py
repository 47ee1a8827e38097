"""A domain as libvirt describes it, read."""

from collections.abc import Collection, Sequence

from lxml import etree

from schedulerlocal.backends.libvirt.metadata import is_unfinished, order_of
from schedulerlocal.hypervisor import ObservedVM, UnavailableError
from slackvm.api.vms import GuestState
from slackvm.topologies.cpu_list import parse_cpu_list
from slackvm.topologies.errors import TopologyError

KIB_PER_MIB = 1024


def read_domain(description: str) -> etree._Element:
    """Return libvirt's description of a domain as a tree.

    Raises:
        UnavailableError: it is not one.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        return etree.fromstring(description, parser)
    except etree.XMLSyntaxError as error:
        raise UnavailableError(f"libvirt describes a domain in broken XML: {error}") from error


def guest_of(
    domain: etree._Element,
    state: GuestState,
    affinity: Sequence[Sequence[int]] = (),
    online: Collection[int] = (),
) -> ObservedVM:
    """Return the VM that a domain is.

    Args:
        domain: libvirt's description.
        state: as `ObservedVM` has it.
        affinity: for each vCPU the CPUs that the kernel lets it use; empty: not asked for.
        online: the CPUs of the host that are online, where `affinity` is given.

    Raises:
        UnavailableError: it cannot be read.
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
    order = order_of(domain, name, uuid)
    return ObservedVM(
        name=name,
        uuid=uuid,
        vcpus=vcpus,
        memory_mib=-(-memory_kib // KIB_PER_MIB),
        state=state,
        order=order,
        vcpu_pins=_in_effect(known, affinity, online) if len(known) == vcpus else None,
        emulator_pins=emulator,
        is_unfinished=order is not None and is_unfinished(domain),
    )


def _vcpus(domain: etree._Element) -> int:
    """Return how many vCPUs there are now; the text of the element is the most there may be."""
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
    """Return what the kernel does where that is not what libvirt was told.

    libvirt does not notice when other software changes the affinity of a thread. CPUs that are
    offline are missing from every affinity, and that is no change.
    """
    if len(affinity) != len(pins):
        return pins
    return tuple(
        told if set(done) == set(told) & set(online) else tuple(done)
        for told, done in zip(pins, affinity, strict=True)
    )
