"""A request to place a VM, and the hosts that are considered for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from slackvm.model.labels import Labels
from slackvm.model.placement.arrays import HostArrays
from slackvm.model.vm import VM

_NO_LABELS: Labels = MappingProxyType({})

_MOST_KEPT = 256
"""Labels for which it is kept which hosts have them."""


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """A VM to place.

    Attributes:
        vm: the VM.
        labels: the VM's own labels.
        require: labels that its host must have, with these values.
        host: name of the host that it must be on; empty: any.
        owner: whose VM it is; empty: nobody's.
        anti_affinity: name of its owner's group whose VMs are on different hosts; empty: none.
    """

    vm: VM
    labels: Labels = field(default_factory=dict)
    require: Labels = field(default_factory=dict)
    host: str = ""
    owner: str = ""
    anti_affinity: str = ""


class HostNames(Sequence[str]):
    """The names of hosts, by the hosts' index: a read-only view, as the arrays are.

    Args:
        names: the names; not copied, for a copy of each placement costs as much as the placement.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __len__(self) -> int:
        """Return the number of hosts."""
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        """Return the name of a host, or of some hosts."""
        return self._names[index]


class HostLabels(Sequence[Labels]):
    """The labels of hosts, by the hosts' index: a read-only view, as the arrays are.

    Args:
        labels: labels that cannot be written to; not copied. Once they change, which hosts match
            must be asked of a new object.
    """

    def __init__(self, labels: Sequence[Labels]) -> None:
        self._labels = labels
        self._matching: dict[tuple[str, str], NDArray[np.bool_]] = {}

    def __len__(self) -> int:
        """Return the number of hosts."""
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Labels]: ...
    def __getitem__(self, index: int | slice) -> Labels | Sequence[Labels]:
        """Return the labels of a host, or of some hosts."""
        return self._labels[index]

    def matching(self, required: Labels) -> NDArray[np.bool_]:
        """Return which hosts have all of these labels with these values, shape (hosts,)."""
        matches = np.ones(len(self), dtype=np.bool_)
        for key, value in required.items():
            matches &= self._having(key, value)
        return matches

    def _having(self, key: str, value: str) -> NDArray[np.bool_]:
        """Return which hosts have a label; hosts are compared with it once."""
        if (key, value) not in self._matching:
            if len(self._matching) == _MOST_KEPT:
                self._matching.clear()
            has = [labels.get(key) == value for labels in self._labels]
            self._matching[key, value] = np.array(has, dtype=np.bool_)
        return self._matching[key, value]


class VNodeNumbers(NamedTuple):
    """The vNodes of one level on all hosts; 0 where a host has none. Shapes as `Candidates`.

    Attributes:
        owned: CPUs that the vNode owns.
        allocation: vCPUs of its VMs.
        largest: vCPUs of its largest VM.
    """

    owned: NDArray[np.int64]
    allocation: NDArray[np.int64]
    largest: NDArray[np.int64]


class VNodes(NamedTuple):
    """The vNodes of all levels, which are looked up when a policy asks for them.

    Attributes:
        hosts: the numbers of hosts.
        levels: index of each level that is in use, in the arrays of `hosts`.
        own: index of the request's level; of many requests an array.
        where: which of the hosts, as further indexes into the arrays.
    """

    hosts: HostArrays
    levels: Mapping[float, int]
    own: int | NDArray[np.int64]
    where: tuple[Any, ...]

    def at(self, index: int | NDArray[np.int64]) -> VNodeNumbers:
        """Return the vNodes of the level, or of each request's level, of an index."""
        hosts, place = self.hosts, (index, *self.where)
        return VNodeNumbers(
            *(read_only(each[place]) for each in (hosts.owned, hosts.allocation, hosts.largest))
        )


class Candidates(NamedTuple):
    """All hosts considered for one request; every array has shape (hosts,) and is read-only.

    A policy that declares `host_local` may be given many requests at once. The arrays then have
    shape (requests, hosts) and the numbers of `vm` shape (requests, 1).

    Attributes:
        request: the VM, its labels, and the labels that it requires of its host.
        fits: True for each host that can take the VM: it has room, offers the level, has the
            required labels and accepts VMs.
        added_cpus: CPUs that the VM's vNode would gain on each host.
        cpus: all CPUs of the host.
        memory_mib: all memory of the host, in MiB.
        cpus_free: CPUs that no vNode owns and that are not reserved for unmanaged VMs.
        memory_free_mib: MiB that no VM has.
        names: the hosts' names.
        labels: the hosts' labels, by index; see also `matching`.
        vnodes: their vNodes; use `level` and `own_level`.
    """

    request: PlacementRequest
    fits: NDArray[np.bool_]
    added_cpus: NDArray[np.int64]
    cpus: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    cpus_free: NDArray[np.int64]
    memory_free_mib: NDArray[np.int64]
    names: Sequence[str]
    labels: HostLabels
    vnodes: VNodes

    @property
    def vm(self) -> VM:
        """The VM that is requested."""
        return self.request.vm

    @property
    def owned_cpus(self) -> NDArray[np.int64]:
        """CPUs that are not free."""
        return self.cpus - self.cpus_free

    @property
    def owned_memory_mib(self) -> NDArray[np.int64]:
        """MiB that are not free."""
        return self.memory_mib - self.memory_free_mib

    @property
    def levels(self) -> list[float]:
        """Levels of which any host has a vNode, ascending."""
        return sorted(self.vnodes.levels)

    def level(self, level: float) -> VNodeNumbers:
        """Return the vNodes of a level; all 0 where no host has one."""
        index = self.vnodes.levels.get(level)
        if index is None:
            zeros = read_only(np.zeros(self.cpus.shape, dtype=np.int64))
            return VNodeNumbers(zeros, zeros, zeros)
        return self.vnodes.at(index)

    @property
    def own_level(self) -> VNodeNumbers:
        """The vNodes of the VM's level."""
        return self.vnodes.at(self.vnodes.own)

    def matching(self, required: Labels) -> NDArray[np.bool_]:
        """Return which hosts have all of these labels with these values."""
        return np.broadcast_to(self.labels.matching(required), self.fits.shape)


@lru_cache(maxsize=16)
def numbered(count: int) -> tuple[Sequence[str], HostLabels]:
    """Return names and labels of hosts that have only a number: `host0`, `host1` and so on."""
    return tuple(f"host{index}" for index in range(count)), HostLabels([_NO_LABELS] * count)


def read_only(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the same numbers as an array that cannot be written to."""
    view = numbers.view()
    view.flags.writeable = False
    return view
