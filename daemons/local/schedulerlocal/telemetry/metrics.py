"""Metrics of the host, its vNodes and its VMs."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.view import NOT_READY, OVERCOMMITTED
from schedulerlocal.telemetry.sampler import Sample, cpus_used, share_waited
from slackvm.model.topology import Topology

MIB = 1024 * 1024


class HostCollector:
    """Collects from the present view and the last sample at each scrape, without waiting."""

    def __init__(
        self, agent: HostAgent, topology: Topology, sample: Callable[[], Sample | None]
    ) -> None:
        self._agent = agent
        self._topology = topology
        self._sample = sample

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: the metrics depend on the host."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._host()
        yield from self._operations()
        yield from self._vnodes()
        yield from self._use()
        yield from self._vms()

    def _host(self) -> Iterator[Metric]:
        view, topology = self._agent.view, self._topology
        for name, text, value in (
            ("host_ready", "1 if the hypervisor answers.", view.state != NOT_READY),
            (
                "host_overcommitted",
                "1 if the host has too few CPUs or too little memory for its VMs.",
                view.state == OVERCOMMITTED,
            ),
            ("host_cpus", "CPUs that the host offers to VMs.", len(topology)),
            (
                "host_cpus_free",
                "CPUs that no vNode owns and that are not reserved.",
                view.cpus_free,
            ),
            ("host_memory_bytes", "Memory that the host offers to VMs.", topology.memory_mib * MIB),
            ("host_memory_free_bytes", "Memory that is not allocated.", view.memory_free_mib * MIB),
            ("host_vms", "VMs that SlackVM manages.", len(view.vms)),
            ("foreign_vms", "VMs that SlackVM did not create.", len(view.unmanaged)),
            (
                "foreign_unpinned",
                "Running VMs that SlackVM did not create and that may use any CPU.",
                view.unmanaged_unpinned,
            ),
        ):
            yield GaugeMetricFamily(f"slackvm_{name}", text, value=float(value))
        for name, text, value in (
            (
                "pins_restored",
                "VMs pinned again because other software had changed their pins.",
                self._agent.pins.restored,
            ),
            ("pins_failed", "Attempts to pin that failed.", self._agent.pins.failed),
        ):
            yield CounterMetricFamily(f"slackvm_{name}", text, value=float(value))

    def _operations(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "slackvm_operations",
            "Operations of clients by how they ended.",
            labels=["op", "outcome", "code"],
        )
        for outcome, count in self._agent.operation_counters.counts.items():
            ended.add_metric(list(outcome), count)
        yield ended
        yield GaugeMetricFamily(
            "slackvm_state_behind",
            "1 if the state file or the operations log lacks an operation.",
            value=float(self._agent.is_behind),
        )

    def _vnodes(self) -> Iterator[Metric]:
        # A vNode without VMs is never deleted; with all levels clients could fill a database.
        vnodes = {k: v for k, v in self._agent.view.vnodes.items() if v.allocation}
        yield _by_level(
            "cpus", "CPUs that the vNode owns.", {k: v.owned for k, v in vnodes.items()}
        )
        yield _by_level(
            "vcpus", "vCPUs of the vNode's VMs.", {k: v.allocation for k, v in vnodes.items()}
        )
        yield _by_level(
            "memory_bytes",
            "Memory of the vNode's VMs.",
            {k: v.memory_mib * MIB for k, v in vnodes.items()},
        )

    def _use(self) -> Iterator[Metric]:
        sample = self._sample()
        if sample is None:
            return
        for name, text, value in (
            (
                "sample_timestamp_seconds",
                "Time of the last sample, in seconds since the epoch.",
                sample.taken,
            ),
            ("host_cpu_use_ratio", "Use of the host's CPUs, from 0 to 1.", sample.host_cpu),
            ("host_memory_use_ratio", "Use of the host's memory, from 0 to 1.", sample.host_memory),
        ):
            yield GaugeMetricFamily(f"slackvm_{name}", text, value=value)
        uses = {level: each for level, each in sample.vnodes.items() if each}
        yield _by_level(
            "cpus_used",
            "CPUs that the vNode's VMs use.",
            {k: cpus_used(v) for k, v in uses.items()},
        )
        yield _by_level(
            "cpu_wait_ratio",
            "Share of the time that the vCPUs of the vNode's running VMs waited for a CPU.",
            {k: share_waited(v) for k, v in uses.items()},
        )

    def _vms(self) -> Iterator[Metric]:
        labels = ["vm", "level"]
        use = GaugeMetricFamily(
            "slackvm_vm_cpu_use_ratio", "Use of the VM's vCPUs, from 0 to 1.", labels=labels
        )
        wait = GaugeMetricFamily(
            "slackvm_vm_cpu_wait_ratio",
            "Share of the time that the VM's vCPUs waited for a CPU.",
            labels=labels,
        )
        memory = GaugeMetricFamily(
            "slackvm_vm_memory_use_ratio", "Use of the VM's memory, from 0 to 1.", labels=labels
        )
        sample = self._sample()
        for name, each in (sample.vms if sample else {}).items():
            level = str(each.vm.spec.vm.level) if each.vm.spec else ""
            use.add_metric([name, level], each.cpu)
            wait.add_metric([name, level], each.wait or 0.0)
            memory.add_metric([name, level], each.memory)
        yield from (use, wait, memory)


def _by_level(name: str, text: str, values: Mapping[float, float]) -> Metric:
    family = GaugeMetricFamily(f"slackvm_vnode_{name}", text, labels=["level"])
    for level, value in values.items():
        family.add_metric([str(level)], value)
    return family
