"""Topologies that hosts report. Hosts with equal topologies share one object."""

import hashlib
from dataclasses import dataclass
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from slackvm.api.hosts import CPUReply

_CPUS = TypeAdapter(list[CPUReply])


@dataclass(frozen=True, eq=False)
class ReportedTopology:
    """A topology.

    Attributes:
        digest: names it: equal ones have the same, others have not. Empty where it has no CPU.
        cpus: its CPUs; nobody changes the list.
    """

    digest: str
    cpus: list[CPUReply]


NO_TOPOLOGY = ReportedTopology("", [])
"""That of a host that has not answered yet."""

_known: WeakValueDictionary[str, ReportedTopology] = WeakValueDictionary()


def shared(cpus: list[CPUReply]) -> ReportedTopology:
    """Return the topology with these CPUs: the same object as long as a host has it."""
    if not cpus:
        return NO_TOPOLOGY
    digest = hashlib.sha256(_CPUS.dump_json(cpus)).hexdigest()[:32]
    return _known.setdefault(digest, ReportedTopology(digest, cpus))
