"""What Prometheus is told of the host, its vNodes and its VMs."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.view import NOT_READY, OVERCOMMITTED
from schedulerlocal.telemetry.sampler import Sample, cpus_used, share_waited
from slackvm.model.topology import Topology

MIB = 1024 * 1024


class HostCollector:
    """Collects at each scrape from the present view and the last sample; it waits for nothing."""

    def __init__(
        self, keeper: HostAgent, topology: Topology, sample: Callable[[], Sample | None]
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
        yield from self._operations()
        yield from self._vnodes()
        yield from self._use()
        yield from self._vms()

    def _host(self) -> Iterator[Metric]:
        view, topology = self._keeper.view, self._topology
        for name, text, value in (
            ("host_ready", "1 when the hypervisor answers.", view.state != NOT_READY),
            (
                "host_overcommitted",
                "1 when there is too little room for the VMs that are there.",
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
                self._keeper.pins.restored,
            ),
            ("pins_failed", "Attempts to pin that failed.", self._keeper.pins.failed),
        ):
            yield CounterMetricFamily(f"slackvm_{name}", text, value=float(value))

    def _operations(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "slackvm_operations",
            "Operations asked for, by how they ended.",
            labels=["op", "outcome", "code"],
        )
        for outcome, count in self._keeper.outcomes.counts.items():
            ended.add_metric(list(outcome), count)
        yield ended
        yield GaugeMetricFamily(
            "slackvm_state_behind",
            "1 when something that was done could not be written down yet.",
            value=float(self._keeper.is_behind),
        )

    def _vnodes(self) -> Iterator[Metric]:
        # A vNode without VMs stays for ever; clients could fill a database with levels.
        vnodes = {k: v for k, v in self._keeper.view.vnodes.items() if v.allocation}
        yield _by_level("cpus", "CPUs owned.", {k: v.owned for k, v in vnodes.items()})
        yield _by_level(
            "vcpus", "Sum of the VMs' vCPUs.", {k: v.allocation for k, v in vnodes.items()}
        )
        yield _by_level(
            "memory_bytes",
            "Sum of the VMs' memory.",
            {k: v.memory_mib * MIB for k, v in vnodes.items()},
        )

    def _use(self) -> Iterator[Metric]:
        sample = self._sample()
        if sample is None:
            return
        for name, text, value in (
            (
                "sample_timestamp_seconds",
                "When use was sampled last, in seconds since the epoch.",
                sample.taken,
            ),
            ("host_cpu_use_ratio", "Use of the host's CPUs.", sample.host_cpu),
            ("host_memory_use_ratio", "Use of the host's memory.", sample.host_memory),
        ):
            yield GaugeMetricFamily(f"slackvm_{name}", text, value=value)
        uses = {level: each for level, each in sample.vnodes.items() if each}
        yield _by_level("cpus_used", "CPUs in use.", {k: cpus_used(v) for k, v in uses.items()})
        yield _by_level(
            "cpu_wait_ratio",
            "Share of the time that the vCPUs of the running VMs waited for a CPU.",
            {k: share_waited(v) for k, v in uses.items()},
        )

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
            wait.add_metric([name, level], each.wait or 0.0)
            memory.add_metric([name, level], each.memory)
        yield from (use, wait, memory)


def _by_level(name: str, text: str, values: Mapping[float, float]) -> Metric:
    family = GaugeMetricFamily(f"slackvm_vnode_{name}", text, labels=["level"])
    for level, value in values.items():
        family.add_metric([str(level)], value)
    return family
