"""What SlackVM writes into the metadata of its domains, so that a VM tells what was ordered."""

import math
import uuid
from pathlib import Path

from lxml import etree

from schedulerlocal.hypervisor import VMSpec
from slackvm.model.vm import VM

NAMESPACE = "urn:slackvm:vm:1"
PREFIX = "slackvm"
TAG = f"{{{NAMESPACE}}}vm"

_CLONE = {True: "yes", False: "no"}
_MAX_DIGITS = 10
_UNFINISHED = "unfinished"


def unfinished_element(order: VMSpec) -> etree._Element:
    """Return the element that holds an order from when a domain is defined until it has started.

    Raises:
        ValueError: XML cannot hold it.
    """
    attributes = {**_attributes(order), _UNFINISHED: "yes"}
    return etree.Element(TAG, attributes, nsmap={PREFIX: NAMESPACE})


def text_of(order: VMSpec) -> str:
    """Return the element that holds an order from then on, as libvirt wants it: no namespace."""
    return etree.tostring(etree.Element("vm", _attributes(order)), encoding="unicode")


def is_unfinished(domain: etree._Element) -> bool:
    """Return whether the making of a domain that holds an order was cut short."""
    element = domain.find(f"metadata/{TAG}")
    return element is not None and element.get(_UNFINISHED) == "yes"


def _attributes(order: VMSpec) -> dict[str, str]:
    """Return what an order's element holds; the name is the domain's own."""
    return {
        "uuid": order.uuid,
        "level": repr(order.vm.level),
        "vcpus": str(order.vm.vcpus),
        "memory_mib": str(order.vm.memory_mib),
        "image": str(order.image),
        "clone": _CLONE[order.clone],
        "created": repr(order.created),
    }


def order_of(domain: etree._Element, name: str, domain_uuid: str) -> VMSpec | None:
    """Return the order that a domain's metadata holds; None: none, or no valid one.

    Anyone who may define domains can write metadata, and tools that copy domains copy it: the UUID
    in it must be the domain's.
    """
    elements = domain.findall(f"metadata/{TAG}")
    if len(elements) != 1:
        return None
    text = elements[0].attrib
    try:
        vm = VM(name, _amount(text["vcpus"]), _amount(text["memory_mib"]), float(text["level"]))
        order = VMSpec(
            vm,
            str(uuid.UUID(text["uuid"])),
            Path(text["image"]),
            {word: clone for clone, word in _CLONE.items()}[text["clone"]],
            float(text["created"]),
        )
    except (KeyError, ValueError):
        return None
    valid = (
        order.uuid == domain_uuid
        and order.image.is_absolute()
        and str(order.image).isprintable()
        and math.isfinite(order.created)
        and order.created >= 0
    )
    return order if valid else None


def _amount(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise ValueError(f"{digits[:60]!r} is no amount")
    return int(digits)
