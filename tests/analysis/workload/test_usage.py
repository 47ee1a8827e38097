"""VMs use what their profiles say."""

import numpy as np
import pytest

from slackanalysis.workload.arrivals import Population
from slackanalysis.workload.catalogue import DAY_S, HOUR_S, PROFILES
from slackanalysis.workload.host import Workload
from slackanalysis.workload.usage import UsageBlock, usage_over_time

VMS = 400
WORKLOAD = Workload(duration_s=200 * DAY_S, step_s=HOUR_S)


def of_one_profile(profile: int) -> Population:
    """Return VMs that are there all the time."""
    same = {name: np.full(VMS, 1) for name in ("vcpus", "memory_mib")}
    zeros = np.zeros(VMS, dtype=np.int64)
    return Population(
        **same,
        level=zeros,
        profile=zeros + profile,
        arrival=zeros,
        departure=zeros + WORKLOAD.steps,
    )


def cpu_use(profile: int) -> np.ndarray:
    """Return uses of shape (steps, VMs)."""
    blocks = usage_over_time(WORKLOAD, of_one_profile(profile))
    return np.concatenate([block.cpu for block in blocks]).reshape(WORKLOAD.steps, VMS)


@pytest.mark.parametrize("profile", range(len(PROFILES)), ids=[p.name for p in PROFILES])
def test_mean_and_95th_percentile_lie_as_published(profile):
    use = cpu_use(profile)
    published = PROFILES[profile]
    assert use.min() >= 0
    assert use.max() <= 1
    # Spread evenly over the published ranges, so their middle on average over VMs; a VM with
    # peaks so high that they alone exceed its mean uses a little more.
    assert use.mean() == pytest.approx(np.mean(published.mean_use), abs=0.03)
    percentiles = np.percentile(use, 95, axis=0)
    assert percentiles.mean() == pytest.approx(np.mean(published.peak_use), abs=0.04)
    lowest, highest = published.peak_use
    # A VM's own percentile is known only as well as 200 virtual days tell it.
    assert np.mean((percentiles > lowest - 0.1) & (percentiles < highest + 0.1)) > 0.95


def test_few_vms_follow_the_time_of_day():
    use = cpu_use(0)
    per_day = DAY_S // WORKLOAD.step_s
    days = use[: use.shape[0] // per_day * per_day].reshape(-1, per_day, VMS)
    pattern = days.mean(axis=0).var(axis=0) / use.var(axis=0)
    # Without a daily pattern, 200 days even each other out.
    is_periodic = pattern > 0.5
    assert 0 < is_periodic.mean() < 0.05


def test_memory_use_grows_and_stays_within_the_memory():
    first, *_, last = usage_over_time(WORKLOAD, of_one_profile(0))
    start, end = first.memory[:VMS], last.memory[-VMS:]
    assert (start < end).all()
    assert start.min() > 0
    assert end.max() <= 0.95


def test_cells_are_sorted_by_time_level_and_arrival():
    population = Population(
        vcpus=np.ones(4, dtype=np.int64),
        memory_mib=np.ones(4, dtype=np.int64),
        level=np.array([1, 0, 1, 0]),
        profile=np.zeros(4, dtype=np.int64),
        arrival=np.array([0, 0, 1, 1]),
        departure=np.array([2, 3, 3, 2]),
    )
    workload = Workload(duration_s=30, mix={1.0: 0.5, 2.0: 0.5})
    (block,) = usage_over_time(workload, population)
    assert cells(block) == [(0, 1), (0, 0), (1, 1), (1, 3), (1, 0), (1, 2), (2, 1), (2, 2)]


def cells(block: UsageBlock) -> list[tuple[int, int]]:
    return list(zip(block.step.tolist(), block.vm.tolist(), strict=True))
