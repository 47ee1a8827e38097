"""What SlackVM writes into the metadata of its domains, so that a VM tells what was ordered."""

import math
import uuid
from pathlib import Path

from lxml import etree

from schedulerlocal.live.hypervisor import Order
from slackvm.model.vm import VM

NAMESPACE = "urn:slackvm:vm:1"
TAG = f"{{{NAMESPACE}}}vm"

_CLONE = {True: "yes", False: "no"}
_MAX_DIGITS = 10


def metadata_element(order: Order) -> etree._Element:
    """Return the element that holds an order; the name is the domain's own.

    Raises:
        ValueError: XML cannot hold it.
    """
    return etree.Element(
        TAG,
        {
            "uuid": order.uuid,
            "level": repr(order.vm.level),
            "vcpus": str(order.vm.vcpus),
            "memory_mib": str(order.vm.memory_mib),
            "image": str(order.image),
            "clone": _CLONE[order.clone],
            "created": repr(order.created),
        },
        nsmap={"slackvm": NAMESPACE},
    )


def order_of(domain: etree._Element, name: str, domain_uuid: str) -> Order | None:
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
        order = Order(
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
