"""VMs of a cluster, and their use of vCPUs over time.

Generated ones are those of a request list (`slackanalysis.workload.demand`), which has no
profiles. So each VM gets one here, at random, by the profiles' shares among VMs that live shortly
(those that leave before the end, by the departure rates) and among those that stay. Their use is
that of `slackanalysis.workload.usage`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slackanalysis.workload.arrivals import Population
from slackanalysis.workload.catalogue import PROFILES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.host import Workload
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.usage import UsageBlock, usage_over_time
from slackvm.formats.contents import shown
from slackvm.formats.monitoring.record import Kind
from slackvm.formats.monitoring.trace import read_trace
from slackvm.model import VM

_STEPS_PER_BLOCK = 1 << 10
_PROFILE_STREAM = 4


@dataclass(frozen=True)
class Tenants:
    """VMs and their use.

    Attributes:
        requests: the VMs, with when they come and go.
        times_s: timestamps in seconds, ascending, shape (steps,).
        blocks: the demands at all timestamps, block after block, as uses of vCPUs, 0..1; its VMs
            are indexes into `requests`.
        waits_known: share of what was used for which it is known how long vCPUs waited for a CPU,
            too, so that demand is what was used and waited for. Generated uses are demands: 1.
    """

    requests: RequestList
    times_s: NDArray[np.int64]
    blocks: Iterable[UsageBlock]
    waits_known: float = 1.0

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long each timestamp stands for: until the next; the last as long as that before."""
        gaps = np.diff(self.times_s).astype(np.float64)
        return np.append(gaps, gaps[-1:] if len(gaps) else 1.0)


def generated_tenants(demand: Demand, step_s: int) -> Tenants:
    """Return the VMs of a generated request list, with uses made up from the same seed.

    Args:
        demand: the request list.
        step_s: seconds between timestamps.

    Raises:
        ValueError: a step is longer than the whole, or not a second.
    """
    requests = request_list(demand)
    whole_s = demand.temporality.days * demand.temporality.day_s
    # At the end, all VMs leave.
    workload = Workload(
        catalogue=demand.catalogue,
        mix=demand.mix,
        duration_s=whole_s - step_s,
        step_s=step_s,
        seed=demand.seed,
    )
    times_s = np.arange(workload.steps) * step_s
    population = Population(
        vcpus=np.array([vm.vcpus for vm in requests.vms]),
        memory_mib=np.array([vm.memory_mib for vm in requests.vms]),
        level=np.searchsorted(workload.levels, [vm.level for vm in requests.vms]),
        profile=_profiles(demand.seed, requests.end_s < whole_s),
        arrival=np.searchsorted(times_s, requests.start_s),
        departure=np.searchsorted(times_s, requests.end_s),
    )
    return Tenants(requests, times_s, usage_over_time(workload, population))


def _profiles(seed: int, is_short: NDArray[np.bool_]) -> NDArray[np.int64]:
    rng = np.random.default_rng([seed, _PROFILE_STREAM])
    leaving = np.array([profile.departure_rate for profile in PROFILES])
    share = np.array([profile.share for profile in PROFILES])
    chosen = np.empty(len(is_short), dtype=np.int64)
    for short, weight in ((True, share * leaving), (False, share * (1 - leaving))):
        these = is_short == short
        chosen[these] = rng.choice(len(PROFILES), these.sum(), p=weight / weight.sum())
    return chosen


def recorded_tenants(path: Path) -> Tenants:
    """Return the VMs of a recording and what they demand; its host does not matter.

    A VM demands the CPU time that its vCPUs used and that for which they waited for a CPU. Where a
    row does not say how long they waited, what they got is taken for what they wanted.

    Raises:
        ValueError: the file is no recording, or there is no VM in it.
        OSError: the file cannot be opened.
    """
    trace = read_trace(path, with_lines=False)
    if not trace.presences:
        raise ValueError(f"{shown(path)}: no VM in it")
    rows, times_s = trace.rows, trace.rows.times
    # A name may be used again, a UUID not.
    vms = [VM(p.uuid, p.vm.vcpus, p.vm.memory_mib, p.vm.level) for p in trace.presences]
    first = times_s[[presence.first_step for presence in trace.presences]]
    last = times_s[[presence.last_step for presence in trace.presences]]
    # There for a second behind its last timestamp, so at that and at none after.
    lifetime_s = (last - first + 1).astype(np.float64)
    requests = RequestList({"recording": path.name}, vms, first.astype(np.float64), lifetime_s)
    wanted = (rows.kinds == Kind.VM_CPU.value) & (trace.owners >= 0)
    owners, used = trace.owners[wanted], rows.values[wanted]
    waited = np.full(len(used), np.nan) if rows.waits is None else rows.waits[wanted]
    demand = np.minimum(used + np.nan_to_num(waited), np.maximum(used, 1.0))
    cpus = used * rows.sizes[wanted]
    known = float(cpus[~np.isnan(waited)].sum() / cpus.sum()) if cpus.sum() else 1.0
    steps = rows.steps[wanted].astype(np.int64)
    return Tenants(requests, times_s, _blocks(steps, owners, demand, len(times_s)), known)


def _blocks(
    step: NDArray[np.int64], vm: NDArray[np.int32], use: NDArray[np.float64], steps: int
) -> Iterator[UsageBlock]:
    for start in range(0, steps, _STEPS_PER_BLOCK):
        stop = min(start + _STEPS_PER_BLOCK, steps)
        here = slice(*np.searchsorted(step, (start, stop)))
        nothing = np.zeros(0)
        yield UsageBlock(
            start, stop, step[here] - start, vm[here].astype(np.int64), use[here], nothing
        )
