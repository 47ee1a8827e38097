"""What a cluster has allocated and left over, over time and at the peak."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slackanalysis.sizing.hosts import Hosts, sizes
from slackanalysis.sizing.power import PowerCurve
from slackanalysis.sizing.trials import PlacementRun
from slackanalysis.workload.requests import RequestList

HOUR_S = 3600.0
"""Seconds of an hour, where the clock of a list is that of the world."""


@dataclass(frozen=True, slots=True)
class Utilization:
    """The figures of one cluster.

    *Allocated* CPUs are those that vNodes own, so after oversubscription; what hosts have beyond is
    *unallocated*. Means are over the time from the first arrival to the last departure. The *peak*
    is the first moment at which the VMs have most memory; it is the same however they are placed.

    Attributes:
        hosts: number of hosts.
        host_hours: hours, by the list's clock, that hosts have at least one VM, summed over them.
        cpus_allocated_mean: CPUs allocated, on average over time.
        cpus_unallocated_mean: CPUs left, likewise.
        cpus_allocated_peak: CPUs allocated at the peak.
        cpus_unallocated_peak: CPUs left then.
        memory_mib_allocated_mean: MiB allocated, on average over time.
        memory_mib_unallocated_mean: MiB left, likewise.
        memory_mib_allocated_peak: MiB allocated at the peak.
        memory_mib_unallocated_peak: MiB left then.
        oversubscription: by level as text, vCPUs per CPU that its vNodes own, both over time: below
            the level, since each vNode owns whole CPUs and no fewer than its largest VM has.
        energy_kwh: energy of the hosts, by the list's clock; None where no power curve is given.
        refused: number of VMs that no host took, by reason (`slackanalysis.sizing.refusals.CODES`).
    """

    hosts: int
    host_hours: float
    cpus_allocated_mean: float
    cpus_unallocated_mean: float
    cpus_allocated_peak: int
    cpus_unallocated_peak: int
    memory_mib_allocated_mean: float
    memory_mib_unallocated_mean: float
    memory_mib_allocated_peak: int
    memory_mib_unallocated_peak: int
    oversubscription: Mapping[str, float]
    energy_kwh: float | None = None
    refused: Mapping[str, int] = field(default_factory=dict)


class AllocationTimeline:
    """How a list of requests fills one cluster, or several that are counted together.

    Args:
        requests: the list.
        runs: each with the levels that it serves; together all of them.
    """

    def __init__(
        self, requests: RequestList, runs: Sequence[tuple[Sequence[float], PlacementRun]]
    ) -> None:
        events = requests.events
        is_arrival = events >= 0
        vm = np.where(is_arrival, events, ~events)
        self._sign = np.where(is_arrival, 1, -1)
        self._time = np.where(is_arrival, requests.start_s[vm], requests.end_s[vm])
        self._vcpus, self._memory, self._level = (
            np.array([getattr(each, name) for each in requests.vms])[vm]
            for name in ("vcpus", "memory_mib", "level")
        )
        self._gained = np.zeros(len(events), dtype=np.int64)
        self._newly_used = np.zeros(len(events), dtype=np.int64)
        self._host = np.full(len(events), -1)
        self._runs = [run for _, run in runs]
        for levels, run in runs:
            served = np.isin(self._level, levels)
            self._gained[served] = run.gained
            self._host[served] = run.host
            placed = served.copy()
            placed[served] = run.host >= 0
            self._newly_used[placed] = _newly_used(self._host[placed], self._sign[placed])
        # A VM that was refused is not there.
        self._sign = np.where(self._host < 0, 0, self._sign)
        self._levels = requests.levels

    def utilization(
        self, hosts: Hosts, hour_s: float = HOUR_S, power: PowerCurve | None = None
    ) -> Utilization:
        """Return the figures of the cluster.

        Args:
            hosts: what each host offers.
            hour_s: seconds of the list that are an hour.
            power: what hosts draw.
        """
        lasts = np.diff(self._time, append=self._time[-1:])
        whole = float(lasts.sum())

        def mean(numbers: NDArray[np.int64]) -> float:
            return float(numbers @ lasts) / whole

        cpus, memory = np.cumsum(self._gained), np.cumsum(self._sign * self._memory)
        all_cpus, all_memory = (
            sum(int(numbers.sum()) for numbers in of_runs)
            for of_runs in zip(*(sizes(hosts, run.hosts) for run in self._runs), strict=True)
        )
        peak = int(memory.argmax())
        in_use = np.cumsum(self._newly_used)
        oversubscription = {}
        for level in self._levels:
            is_its = self._level == level
            owned = np.cumsum(np.where(is_its, self._gained, 0))
            allocation = np.cumsum(np.where(is_its, self._sign * self._vcpus, 0))
            # A level of which every VM was refused owns nothing.
            ratio = mean(allocation) / mean(owned) if owned.any() else np.nan
            oversubscription[str(level)] = ratio
        return Utilization(
            hosts=sum(run.hosts for run in self._runs),
            host_hours=float(in_use @ lasts) / hour_s,
            cpus_allocated_mean=mean(cpus),
            cpus_unallocated_mean=all_cpus - mean(cpus),
            cpus_allocated_peak=int(cpus[peak]),
            cpus_unallocated_peak=all_cpus - int(cpus[peak]),
            memory_mib_allocated_mean=mean(memory),
            memory_mib_unallocated_mean=all_memory - mean(memory),
            memory_mib_allocated_peak=int(memory[peak]),
            memory_mib_unallocated_peak=all_memory - int(memory[peak]),
            oversubscription=oversubscription,
            energy_kwh=self._energy_kwh(hosts, hour_s, power) if power else None,
            refused=dict(Counter(vm.code for run in self._runs for vm in run.refused)),
        )

    def _energy_kwh(self, hosts: Hosts, hour_s: float, power: PowerCurve) -> float:
        lasts = np.diff(self._time, append=self._time[-1:])
        kind = hosts.kind_of(np.maximum(self._host, 0))
        watts = np.cumsum(power.change_w(hosts, kind, self._newly_used, self._gained))
        return float(watts @ lasts) / hour_s / 1000

    def over_time(self) -> pd.DataFrame:
        """Return one row per time at which anything happens, with what there is after all of it.

        Columns: `time_s`, `vms`, `hosts_in_use` (with a VM), `cpus_allocated`,
        `memory_mib_allocated`.
        """
        last_of_its_time = np.append(np.diff(self._time) > 0, True)
        return pd.DataFrame(
            {
                "time_s": self._time,
                "vms": np.cumsum(self._sign),
                "hosts_in_use": np.cumsum(self._newly_used),
                "cpus_allocated": np.cumsum(self._gained),
                "memory_mib_allocated": np.cumsum(self._sign * self._memory),
            }
        )[last_of_its_time]


def _newly_used(host: NDArray[np.int64], sign: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 1 where an event brings an empty host a VM, -1 where it empties a host, else 0."""
    by_host = np.argsort(host, kind="stable")
    # Whoever arrives on a host leaves it, so the sum over a host is 0 and each starts from there.
    vms = np.cumsum(sign[by_host])
    newly = np.zeros(len(host), dtype=np.int64)
    newly[by_host] = np.where(sign[by_host] > 0, vms == 1, -(vms == 0).astype(np.int64))
    return newly
