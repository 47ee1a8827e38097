"""The local scheduler once more, as naively as possible: what one host must decide.

This is the specification in executable form: the rules of the SlackVM paper for the `paper` CPU
selection, with plain lists, dicts, loops and exact arithmetic. It shares no code with the
scheduler that it is compared with, and must not.
"""

from fractions import Fraction
from math import ceil
from typing import NamedTuple


class Vm(NamedTuple):
    """What a VM asked for."""

    vcpus: int
    memory_mib: int
    level: float


class Oracle:
    """One host and the vNodes on it.

    `cpus` are the entries of `cpu_list` in a topology file, in the host's order;
    `numa_distances` gives for each NUMA node its distance to every node.
    """

    def __init__(
        self,
        cpus: list[dict],
        numa_distances: dict[int, list[int]],
        memory_mib: int,
        critical_size: int = 6,
    ) -> None:
        self._cpus = {cpu["cpu_id"]: cpu for cpu in cpus}  # in the host's order
        self._numa_distances = numa_distances
        self._memory_mib = memory_mib
        self._critical_size = critical_size
        self._vms: dict[str, Vm] = {}
        self._owned: dict[float, list[int]] = {}  # a key for each vNode ever created
        self._distances: dict[tuple[int, int], int] = {}  # those worked out so far

        if len({len(cpu["cache_level"]) for cpu in cpus}) > 1:
            raise ValueError("CPUs with different numbers of cache levels cannot be compared")

    # Distances

    def distance(self, a: int, b: int) -> int:
        """Return 10 for each cache index up to the first whose cache both CPUs share.

        Where they share none: 10 for each cache index, plus the distance of their NUMA nodes.
        """
        # The one thing remembered here: a topology never changes, and this is asked very often.
        if (a, b) not in self._distances:
            self._distances[a, b] = self._work_out_distance(self._cpus[a], self._cpus[b])
        return self._distances[a, b]

    def _work_out_distance(self, a: dict, b: dict) -> int:
        distance = 0
        for index in sorted(a["cache_level"], key=int):
            distance += 10
            if a["cache_level"][index] == b["cache_level"][index]:
                return distance
        return distance + self._numa_distances[a["numa_node"]][b["numa_node"]]

    def _mean_distance(self, cpu: int, others: list[int]) -> Fraction:
        """Return the exact mean distance from a CPU to others; to none at all it is zero."""
        if not others:
            return Fraction(0)
        return Fraction(sum(self.distance(cpu, other) for other in others), len(others))

    # What there is

    def owned(self) -> dict[float, list[int]]:
        """Return per level the vNode's CPUs in the order in which it took them.

        The vNodes stand in the order of their creation; an empty one stays, with no CPUs.
        """
        return {level: list(taken) for level, taken in self._owned.items()}

    def _owned_by_any(self) -> list[int]:
        """Return the CPUs of all vNodes."""
        return [cpu for taken in self._owned.values() for cpu in taken]

    def _free(self) -> list[int]:
        """Return the CPUs that no vNode owns, in the host's order."""
        owned = self._owned_by_any()
        return [cpu for cpu in self._cpus if cpu not in owned]

    @property
    def cpus_free(self) -> int:
        """Number of CPUs that no vNode owns."""
        return len(self._free())

    @property
    def memory_free(self) -> int:
        """MiB that no VM was given. Memory is never oversubscribed."""
        return self._memory_mib - sum(vm.memory_mib for vm in self._vms.values())

    # How many CPUs

    def _vms_of(self, level: float) -> list[Vm]:
        """Return the VMs of one vNode."""
        return [vm for vm in self._vms.values() if vm.level == level]

    @staticmethod
    def _size(vms: list[Vm], level: float) -> int:
        """Return how many CPUs a vNode with these VMs owns.

        Their vCPUs over the level, rounded up, but no fewer than its largest VM has vCPUs: a VM
        is never oversubscribed with itself. The level is the decimal number that one reads, not
        the double next to it: 21 vCPUs at 1.4:1 need 15 CPUs, not 16.
        """
        if not vms:
            return 0
        allocation = sum(vm.vcpus for vm in vms)
        return max(ceil(allocation / Fraction(str(level))), *(vm.vcpus for vm in vms))

    def _added(self, vm: Vm) -> int:
        """Return how many CPUs the VM's vNode, there or yet to be created, must take for it."""
        owned = self._owned.get(vm.level, [])
        return self._size([*self._vms_of(vm.level), vm], vm.level) - len(owned)

    def _refusal(self, vm: Vm) -> str | None:
        """Return why the host cannot take a VM: CPUs are checked first, then memory."""
        if vm.vcpus > len(self._cpus):
            return "too_large"
        if self._added(vm) > self.cpus_free:
            return "no_cpu"
        if vm.memory_mib > self._memory_mib:
            return "too_large"
        if vm.memory_mib > self.memory_free:
            return "no_memory"
        return None

    # Which CPUs

    def _choose_first(self, count: int) -> list[int]:
        """Return the CPUs that a new vNode takes, in order.

        It starts on the free CPU with the largest mean distance to all CPUs owned by any vNode,
        and takes those nearest to that one CPU. Every tie goes to the lowest position in the
        host's list (here and below: `max` and `min` return the first of equals, and sorting
        keeps their order).
        """
        free = self._free()
        owned = self._owned_by_any()
        start = max(free, key=lambda cpu: self._mean_distance(cpu, owned))
        others = [cpu for cpu in free if cpu != start]
        return [start, *sorted(others, key=lambda cpu: self.distance(start, cpu))][:count]

    def _choose_next(self, level: float) -> int:
        """Return the CPU that a vNode grows by.

        The free one with the smallest mean distance to all CPUs that the vNode owns. To a vNode
        that has become empty all means are zero, so it restarts on the first free CPU.
        """
        taken = self._owned[level]
        return min(self._free(), key=lambda cpu: self._mean_distance(cpu, taken))

    # Operations

    def deploy(self, name: str, vcpus: int, memory_mib: int, level: float) -> str | None:
        """Place a VM; return None, or why it was refused. A refusal changes nothing.

        A vNode is created by its first VM, which chooses all its CPUs at once; from then on it
        grows one CPU at a time.
        """
        if name in self._vms:
            return "name_taken"
        vm = Vm(vcpus, memory_mib, float(level))
        refusal = self._refusal(vm)
        if refusal is not None:
            return refusal

        added = self._added(vm)
        if vm.level not in self._owned:
            self._owned[vm.level] = self._choose_first(added)
        else:
            for _ in range(added):
                self._owned[vm.level].append(self._choose_next(vm.level))
        self._vms[name] = vm
        return None

    def remove(self, name: str) -> str | None:
        """Remove a VM; return None, or 'unknown' if no VM has that name.

        Its vNode shrinks to its new size, the CPU taken last given back first. A vNode without
        VMs stays, with no CPUs.
        """
        if name not in self._vms:
            return "vm_not_found"
        level = self._vms.pop(name).level
        while len(self._owned[level]) > self._size(self._vms_of(level), level):
            self._owned[level].pop()
        return None

    # What follows from the decisions

    def pins(self) -> dict[str, list[int]]:
        """Return for each VM the CPUs that it may use, ascending.

        Those of its vNode. But if any oversubscribed vNode that holds VMs holds fewer than the
        critical size, too few for their peaks to even out, then the VMs of all such vNodes may
        use the CPUs of all of them and every free CPU.
        """
        usable = self.owned()
        oversubscribed = [level for level in self._owned if level > 1 and self._vms_of(level)]
        if any(len(self._vms_of(level)) < self._critical_size for level in oversubscribed):
            shared = self._free()
            for level in oversubscribed:
                shared += self._owned[level]
            for level in oversubscribed:
                usable[level] = shared
        return {name: sorted(usable[vm.level]) for name, vm in self._vms.items()}

    def progress(self, vcpus: int, memory_mib: int, level: float) -> float | None:
        """Return how far a VM would bring the host's memory per CPU toward the ideal.

        The ideal is all memory over all CPUs; a host that owns no CPU counts as ideal. A step
        away from the ideal weighs more the fuller the host is before it. In doubles, in the
        order of the paper's formula, so that equal hosts score exactly equal. None if refused.
        """
        vm = Vm(vcpus, memory_mib, float(level))
        if self._refusal(vm) is not None:
            return None
        cpus = len(self._owned_by_any())
        memory = self._memory_mib - self.memory_free

        ideal = self._memory_mib / len(self._cpus)
        current = memory / cpus if cpus else ideal
        potential = (memory + memory_mib) / (cpus + self._added(vm))
        progress = abs(current - ideal) - abs(potential - ideal)
        if progress < 0:
            progress *= 1 + cpus / len(self._cpus)
        return progress
