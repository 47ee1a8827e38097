"""Metrics of the cluster."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord

MIB = 1024 * 1024

_STATES = ("ready", "not_ready", "overcommitted", "unknown", "other")
"""`other`: a state of a later release."""


class ClusterCollector:
    """Collects what is known of the cluster at each scrape; no host is asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: the metrics depend on the cluster."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        with self._cluster.lock:
            hosts = self._cluster.hosts
            families = [*_hosts(hosts), *_sizes(hosts), *_levels(hosts)]
            lost, duplicated = len(self._cluster.lost), len(self._cluster.duplicates)
            errors, is_behind = self._cluster.ledger.errors, self._cluster.ledger.is_behind
            skipped = self._cluster.rows_skipped
        yield from families
        yield GaugeMetricFamily(
            "slackvm_cluster_vms_lost",
            "VMs that are gone although nobody removed them.",
            value=lost,
        )
        yield GaugeMetricFamily(
            "slackvm_cluster_vms_duplicated",
            "Names of VMs that are on several hosts.",
            value=duplicated,
        )
        yield CounterMetricFamily(
            "slackvm_store_errors",
            "Attempts to write the store or the operations log that failed.",
            value=errors,
        )
        yield GaugeMetricFamily(
            "slackvm_store_behind",
            "1 while something could not be written to the store or the operations log yet.",
            value=float(is_behind),
        )
        yield GaugeMetricFamily(
            "slackvm_store_rows_skipped",
            "Rows of the store that could not be read when the controller started; its log names "
            "them.",
            value=float(skipped),
        )


def _hosts(hosts: list[HostRecord]) -> Iterable[Metric]:
    states = Tally(_state(host) for host in hosts)
    counted = GaugeMetricFamily("slackvm_cluster_hosts", "Hosts.", labels=["state"])
    for state in _STATES:
        counted.add_metric([state], states[state])
    ages = [host.age_s for host in hosts if host.age_s is not None]
    return [
        counted,
        GaugeMetricFamily(
            "slackvm_cluster_hosts_cordoned",
            "Cordoned hosts.",
            value=sum(host.cordoned for host in hosts),
        ),
        GaugeMetricFamily(
            "slackvm_cluster_hosts_suspect",
            "Hosts whose replies to changes could not be used: other hosts get VMs first.",
            value=sum(host.suspicion is not None for host in hosts),
        ),
        GaugeMetricFamily(
            "slackvm_cluster_oldest_age_seconds",
            "Longest time since a host last replied, in seconds.",
            value=max(ages, default=0.0),
        ),
        GaugeMetricFamily(
            "slackvm_cluster_orders",
            "Reservations: VMs that are being deployed, or may have been.",
            value=sum(len(host.reservations) for host in hosts),
        ),
    ]


def _sizes(hosts: list[HostRecord]) -> Iterable[Metric]:
    for name, text, field, unit in (
        ("cpus", "CPUs that hosts offer.", "cpus", 1),
        ("cpus_free", "CPUs that no vNode owns.", "cpus_free", 1),
        ("memory_bytes", "Memory that hosts offer.", "memory_mib", MIB),
        ("memory_free_bytes", "Memory that no VM uses.", "memory_free_mib", MIB),
    ):
        family = GaugeMetricFamily(f"slackvm_cluster_{name}", text, labels=["state"])
        sums = Tally[str]()
        for host in hosts:
            if host.report:
                sums[_state(host)] += getattr(host.report, field) * unit
        for state in _STATES:
            family.add_metric([state], sums[state])
        yield family


def _levels(hosts: list[HostRecord]) -> Iterable[Metric]:
    vms = Tally(vm.vm.level for host in hosts for vm in host.vms.values())
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
        for host in hosts:
            for level, vnode in host.report.levels.items() if host.report else ():
                sums[level] += getattr(vnode, field) * unit
        for level, value in sorted(sums.items()):
            family.add_metric([level], value)
        yield family


def _state(host: HostRecord) -> str:
    state = host.resources.state
    return state if state in _STATES else "other"
