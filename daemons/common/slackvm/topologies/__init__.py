"""Topologies from the running host, from files, from a description; and writing them.

Everything here gives a `slackvm.model.topology.Topology` or raises a `TopologyError`.
"""

from typing import TYPE_CHECKING

from slackvm.lazy import names_from

if TYPE_CHECKING:
    from slackvm.topologies.cpu_list import format_cpu_list, parse_cpu_list
    from slackvm.topologies.description import PRESETS, Description
    from slackvm.topologies.description_text import DESCRIPTION_KEYS, parse_description
    from slackvm.topologies.errors import TopologyError
    from slackvm.topologies.prototype_json import read_json, to_json, write_json
    from slackvm.topologies.reservation import reserve_for_system
    from slackvm.topologies.sources import load_topology
    from slackvm.topologies.sysfs import read_sysfs
else:
    __getattr__ = names_from(
        __name__,
        {
            "cpu_list": "format_cpu_list parse_cpu_list",
            "description": "PRESETS Description",
            "description_text": "DESCRIPTION_KEYS parse_description",
            "errors": "TopologyError",
            "prototype_json": "read_json to_json write_json",
            "reservation": "reserve_for_system",
            "sources": "load_topology",
            "sysfs": "read_sysfs",
        },
    )

__all__ = [
    "DESCRIPTION_KEYS",
    "PRESETS",
    "Description",
    "TopologyError",
    "format_cpu_list",
    "load_topology",
    "parse_cpu_list",
    "parse_description",
    "read_json",
    "read_sysfs",
    "reserve_for_system",
    "to_json",
    "write_json",
]
