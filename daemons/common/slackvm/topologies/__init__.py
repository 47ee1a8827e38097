"""Topologies from the running host, from files, from a description; and writing them.

Everything here gives a `slackvm.model.topology.Topology` or raises a `TopologyError`.
"""

from slackvm.topologies.cpu_list import format_cpu_list, parse_cpu_list
from slackvm.topologies.description import PRESETS, Description
from slackvm.topologies.description_text import DESCRIPTION_KEYS, parse_description
from slackvm.topologies.errors import TopologyError
from slackvm.topologies.prototype_json import read_json, to_json, write_json
from slackvm.topologies.reservation import withhold
from slackvm.topologies.sources import load_topology
from slackvm.topologies.sysfs import read_sysfs

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
    "to_json",
    "withhold",
    "write_json",
]
