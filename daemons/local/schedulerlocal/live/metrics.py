"""What Prometheus is told of the host, its vNodes and its VMs."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from schedulerlocal.live.keeper import Keeper
from schedulerlocal.live.monitor import Sample
from schedulerlocal.live.view import NOT_READY, OVERCOMMITTED
from slackvm.model.topology import Topology

MIB = 1024 * 1024


class HostCollector:
    """Collects at each scrape from the present view and the last sample; it waits for nothing."""

    def __init__(
        self, keeper: Keeper, topology: Topology, sample: Callable[[], Sample | None]
    ) -> None:
        self._keeper = keeper
        self._topology = topology
        self._sample = sample

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: what is collected depends on the host."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._host()
        yield from self._vnodes()
        yield from self._vms()

    def _host(self) -> Iterator[Metric]:
        view, topology = self._keeper.view, self._topology
        for name, text, value in (
            ("host_ready", "1 when the hypervisor answers.", view.state != NOT_READY),
            (
                "host_overcommitted",
                "1 when VMs of somebody else leave too little room.",
                view.state == OVERCOMMITTED,
            ),
            ("host_cpus", "CPUs that the host offers to VMs.", len(topology)),
            ("host_cpus_free", "CPUs that nobody owns.", view.cpus_free),
            ("host_memory_bytes", "Memory for VMs.", topology.memory_mib * MIB),
            ("host_memory_free_bytes", "Memory that no VM has.", view.memory_free_mib * MIB),
            ("host_vms", "VMs of this host.", len(view.guests)),
            ("foreign_vms", "VMs of somebody else.", len(view.foreign)),
            (
                "foreign_unpinned",
                "Running VMs of somebody else that may run on any CPU.",
                view.foreign_unpinned,
            ),
        ):
            yield GaugeMetricFamily(f"slackvm_{name}", text, value=float(value))
        for name, text, value in (
            (
                "pins_restored",
                "VMs pinned again, since they were not as they must be.",
                self._keeper.pins_restored,
            ),
            ("pins_failed", "Attempts to pin that failed.", self._keeper.pins_failed),
        ):
            yield CounterMetricFamily(f"slackvm_{name}", text, value=float(value))
        sample = self._sample()
        if sample is not None:
            yield GaugeMetricFamily(
                "slackvm_host_cpu_use_ratio", "Use of the host's CPUs.", value=sample.host_cpu
            )
            yield GaugeMetricFamily(
                "slackvm_host_memory_use_ratio",
                "Use of the host's memory.",
                value=sample.host_memory,
            )

    def _vnodes(self) -> Iterator[Metric]:
        owned = GaugeMetricFamily("slackvm_vnode_cpus", "CPUs owned.", labels=["level"])
        allocation = GaugeMetricFamily(
            "slackvm_vnode_vcpus", "Sum of the VMs' vCPUs.", labels=["level"]
        )
        for level, vnode in self._keeper.view.vnodes.items():
            owned.add_metric([str(level)], vnode.owned)
            allocation.add_metric([str(level)], vnode.allocation)
        yield from (owned, allocation)

    def _vms(self) -> Iterator[Metric]:
        labels = ["vm", "level"]
        use = GaugeMetricFamily("slackvm_vm_cpu_use_ratio", "Use of the vCPUs.", labels=labels)
        wait = GaugeMetricFamily(
            "slackvm_vm_cpu_wait_ratio",
            "Share of the time that the vCPUs waited for a CPU.",
            labels=labels,
        )
        memory = GaugeMetricFamily(
            "slackvm_vm_memory_use_ratio", "Use of the memory.", labels=labels
        )
        sample = self._sample()
        for name, each in (sample.guests if sample else {}).items():
            level = str(each.guest.order.vm.level) if each.guest.order else ""
            use.add_metric([name, level], each.cpu)
            wait.add_metric([name, level], each.wait)
            memory.add_metric([name, level], each.memory)
        yield from (use, wait, memory)
