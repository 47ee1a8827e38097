"""A host described in a line of text: `sockets=2 cores=64 threads=2 l3=4 memory=1031742`."""

import re
from collections.abc import Mapping

from slackvm.topologies.cpu_list import parse_cpu_list
from slackvm.topologies.description import Description
from slackvm.topologies.errors import TopologyError

DESCRIPTION_KEYS: Mapping[str, str] = {
    "cores": "cores of one socket (needed)",
    "memory": "all memory, in MiB (needed)",
    "sockets": "packages (1)",
    "threads": "CPUs of one core (1)",
    "l3": "cores that share an L3 (all of a socket)",
    "nodes": "NUMA nodes of one socket (1)",
    "distances": "NUMA: local,remote or local,same-socket,remote or rows 10,32/32,10 (10,20)",
    "exclude": "CPUs kept for the system: 0-11,128-139 (none)",
    "vm_memory": "memory that VMs may take, in MiB (all)",
    "max_freq": "highest clock, in kHz (unknown)",
}
"""The keys that `parse_description` knows: what each is, and what stands for it when left out."""

_NUMBER = re.compile(r"[0-9]{1,10}")


def parse_description(text: str) -> Description:
    """Given `key=value` pairs with white space between them, return the host that they describe.

    The keys are those of DESCRIPTION_KEYS.

    Raises:
        TopologyError: a piece is no pair, a key is unknown, given twice or missing, or a value is
            wrong; the message says what is allowed.
    """
    values: dict[str, str] = {}
    for pair in text.split():
        key, equals, value = pair.partition("=")
        if not equals or not value:
            raise TopologyError(f"{pair[:60]!r} is not key=value")
        if key not in DESCRIPTION_KEYS:
            raise TopologyError(
                f"the key {key[:60]!r} is unknown: allowed are {', '.join(DESCRIPTION_KEYS)}"
            )
        if key in values:
            raise TopologyError(f"{key} is given twice")
        values[key] = value
    missing = [key for key in ("cores", "memory") if key not in values]
    if missing:
        raise TopologyError(f"{' and '.join(missing)} missing: {text[:60]!r} describes no host")
    distances, matrix = _distances(values.get("distances", "10,20"))
    try:
        excluded = frozenset(parse_cpu_list(values.get("exclude", "")))
    except TopologyError as error:
        raise TopologyError(f"exclude: {error}") from error
    return Description(
        cores=_number("cores", values["cores"]),
        memory_total_mib=_number("memory", values["memory"]),
        sockets=_number("sockets", values.get("sockets", "1")),
        threads=_number("threads", values.get("threads", "1")),
        cores_per_l3=_number_or_none("l3", values.get("l3")),
        nodes_per_socket=_number("nodes", values.get("nodes", "1")),
        distances=distances,
        distance_matrix=matrix,
        excluded=excluded,
        memory_mib=_number_or_none("vm_memory", values.get("vm_memory")),
        max_freq_khz=_number_or_none("max_freq", values.get("max_freq")),
    )


def _distances(text: str) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...] | None]:
    """Return the `distances` of a description, and its `distance_matrix` where rows are given."""
    rows = tuple(
        tuple(_number("distances", distance) for distance in row.split(","))
        for row in text.split("/")
    )
    return (rows[0], None) if len(rows) == 1 else (Description.distances, rows)


def _number_or_none(key: str, text: str | None) -> int | None:
    return None if text is None else _number(key, text)


def _number(key: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise TopologyError(
            f"{key}: {text[:60]!r} is not a whole number; {key} is {DESCRIPTION_KEYS[key]}"
        )
    return int(text)
