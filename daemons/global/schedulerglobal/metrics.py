"""What Prometheus is told of the cluster and of the controller's work."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from slackvm.api.hosts import HostState
from slackvm.model.codes import Code

MIB = 1024 * 1024

_STATES: tuple[HostState, ...] = ("ready", "not_ready", "overcommitted", "unknown")


class Counters:
    """What the controller counts as it goes.

    Args:
        registry: where Prometheus finds it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks = Histogram(
            "slackvm_look_seconds",
            "Seconds that looks at hosts took, by what came of them.",
            ["result"],
            registry=registry,
        )
        self._placements = Counter(
            "slackvm_placements",
            "VMs asked for, by how that ended.",
            ["outcome", "code"],
            registry=registry,
        )
        self._hosts_asked = Histogram(
            "slackvm_placement_hosts_asked",
            "Hosts that were asked for one VM, one after another.",
            buckets=(0, 1, 2, 3, 5, 10),
            registry=registry,
        )

    def looked(self, result: str, seconds: float) -> None:
        """Count a look at a host: `same`, `changed` or `failed`."""
        self._looks.labels(result).observe(seconds)

    def placed(self, outcome: str, code: str, hosts_asked: int) -> None:
        """Count a VM that was asked for: `placed`, `again`, `refused` or `failed`."""
        # A host of another release may answer with any word.
        told = code if Code.parse(code) or not code else "other"
        self._placements.labels(outcome, told).inc()
        self._hosts_asked.observe(hosts_asked)


class ClusterCollector:
    """Collects at each scrape what is known of the cluster; no host is asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: what is collected depends on the cluster."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        with self._cluster.lock:
            members = list(self._cluster.members)
            families = [*_hosts(members), *_sizes(members), *_levels(members)]
            errors, is_behind = self._cluster.ledger.errors, self._cluster.ledger.is_behind
        yield from families
        yield CounterMetricFamily(
            "slackvm_store_errors",
            "Attempts to write the store or the operations log that failed.",
            value=errors,
        )
        yield GaugeMetricFamily(
            "slackvm_store_behind",
            "1 when something that is known could not be written down yet.",
            value=float(is_behind),
        )


def _hosts(members: list[HostRecord]) -> Iterable[Metric]:
    states = Tally(member.room.state for member in members)
    hosts = GaugeMetricFamily("slackvm_cluster_hosts", "Hosts.", labels=["state"])
    for state in _STATES:
        hosts.add_metric([state], states[state])
    ages = [member.age_s for member in members if member.age_s is not None]
    return [
        hosts,
        GaugeMetricFamily(
            "slackvm_cluster_hosts_cordoned",
            "Hosts that shall get no VMs.",
            value=sum(member.cordoned for member in members),
        ),
        GaugeMetricFamily(
            "slackvm_cluster_oldest_age_seconds",
            "Seconds since the host answered that has not answered for longest.",
            value=max(ages, default=0.0),
        ),
        GaugeMetricFamily(
            "slackvm_cluster_orders",
            "VMs that are being deployed, or may have been.",
            value=sum(len(member.orders) for member in members),
        ),
    ]


def _sizes(members: list[HostRecord]) -> Iterable[Metric]:
    for name, text, field, unit in (
        ("cpus", "CPUs that hosts offer to VMs.", "cpus", 1),
        ("cpus_free", "CPUs that nobody owns.", "cpus_free", 1),
        ("memory_bytes", "Memory for VMs.", "memory_mib", MIB),
        ("memory_free_bytes", "Memory that no VM has.", "memory_free_mib", MIB),
    ):
        family = GaugeMetricFamily(f"slackvm_cluster_{name}", text, labels=["state"])
        sums = Tally[str]()
        for member in members:
            if member.told:
                sums[member.room.state] += getattr(member.told, field) * unit
        for state in _STATES:
            family.add_metric([state], sums[state])
        yield family


def _levels(members: list[HostRecord]) -> Iterable[Metric]:
    vms = Tally(vm.level for member in members for vm in member.vms.values())
    counted = GaugeMetricFamily("slackvm_cluster_vms", "VMs.", labels=["level"])
    for number, count in sorted(vms.items()):
        counted.add_metric([str(number)], count)
    yield counted
    for name, text, field, unit in (
        ("vnode_cpus", "CPUs owned by the vNodes of a level.", "owned", 1),
        ("vnode_vcpus", "Sum of the VMs' vCPUs.", "allocation", 1),
        ("vnode_memory_bytes", "Memory of the VMs.", "memory_mib", MIB),
    ):
        family = GaugeMetricFamily(f"slackvm_cluster_{name}", text, labels=["level"])
        sums = Tally[str]()
        for member in members:
            for level, vnode in member.told.levels.items() if member.told else ():
                sums[level] += getattr(vnode, field) * unit
        for level, value in sorted(sums.items()):
            family.add_metric([level], value)
        yield family
