"""The metadata of SlackVM's domains: what a VM was created as.

Later releases may add attributes and elements. Readers ignore what they do not know, and whoever
writes metadata again keeps it.
"""

import math
import re
import uuid
from pathlib import Path

from lxml import etree

from schedulerlocal.hypervisor import VMSpec
from slackvm.model.labels import Labels, check_labels, format_labels, parse_labels
from slackvm.model.vm import VM

NAMESPACE = "urn:slackvm:vm:1"
PREFIX = "slackvm"
TAG = f"{{{NAMESPACE}}}vm"

_CLONE = {True: "yes", False: "no"}
_MAX_DIGITS = 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_UNFINISHED = "unfinished"


def unfinished_element(spec: VMSpec) -> etree._Element:
    """Return the metadata of a domain whose creation has not ended.

    Raises:
        ValueError: XML cannot hold it.
    """
    attributes = {**_attributes(spec), _UNFINISHED: "yes"}
    return etree.Element(TAG, attributes, nsmap={PREFIX: NAMESPACE})


def finished_text(element: etree._Element) -> str:
    """Return the metadata of a domain whose creation has ended, for libvirt's `setMetadata`.

    libvirt adds the namespace itself.

    Args:
        element: the domain's metadata so far.
    """
    finished = etree.fromstring(etree.tostring(element, with_tail=False))
    finished.attrib.pop(_UNFINISHED, None)
    for each in finished.iter("{*}*"):
        each.tag = etree.QName(each).localname
    etree.cleanup_namespaces(finished)
    return etree.tostring(finished, encoding="unicode")


def metadata_of(domain: etree._Element) -> etree._Element | None:
    """Return SlackVM's metadata of a domain; None: it has none, or several."""
    elements = domain.findall(f"metadata/{TAG}")
    return elements[0] if len(elements) == 1 else None


def is_unfinished(element: etree._Element) -> bool:
    """Return whether the creation of the domain with this metadata was interrupted."""
    return element.get(_UNFINISHED) == "yes"


def _attributes(spec: VMSpec) -> dict[str, str]:
    """Return the attributes of the metadata; the name is the domain's own."""
    attributes = {
        "uuid": spec.uuid,
        "level": repr(spec.vm.level),
        "vcpus": str(spec.vm.vcpus),
        "memory_mib": str(spec.vm.memory_mib),
        "image": str(spec.image),
        "clone": _CLONE[spec.clone],
        "created": repr(spec.created),
    }
    if spec.labels:
        check_labels(spec.labels)
        attributes["labels"] = format_labels(spec.labels)
    names = {"owner": spec.owner, "anti_affinity": spec.anti_affinity}
    return attributes | {key: name for key, name in names.items() if name}


def spec_of(element: etree._Element, name: str, domain_uuid: str) -> VMSpec | None:
    """Return what a domain was created as, by its metadata; None: the metadata are not valid.

    Whoever may define domains can write metadata, and tools that copy domains copy it: the UUID in
    it must be the domain's.
    """
    text = element.attrib
    try:
        vm = VM(name, _amount(text["vcpus"]), _amount(text["memory_mib"]), float(text["level"]))
        spec = VMSpec(
            vm,
            str(uuid.UUID(text["uuid"])),
            Path(text["image"]),
            {word: clone for clone, word in _CLONE.items()}[text["clone"]],
            float(text["created"]),
            _labels(text.get("labels", "")),
            _name(text.get("owner", "")),
            _name(text.get("anti_affinity", "")),
        )
    except (KeyError, ValueError):
        return None
    valid = (
        spec.uuid == domain_uuid
        and spec.image.is_absolute()
        and str(spec.image).isprintable()
        and math.isfinite(spec.created)
        and spec.created >= 0
    )
    return spec if valid else None


def _labels(text: str) -> Labels:
    """Return labels; none if they are not valid, since without them the VM is still SlackVM's."""
    try:
        return parse_labels(text)
    except ValueError:
        return {}


def _name(text: str) -> str:
    """Return the name of an owner or a group; none if it is not valid, as for labels."""
    return text if _NAME.fullmatch(text) else ""


def _amount(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise ValueError(f"{digits[:60]!r} is no amount")
    return int(digits)
