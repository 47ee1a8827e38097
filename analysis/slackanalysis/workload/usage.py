"""How much of its vCPUs and memory each VM uses over time.

Published (CloudFactory, by the authors of SlackVM): for each profile the ranges of a VM's mean use
and of its 95th percentile, and the share of VMs that follow the time of day. Not published, and
chosen here:

- A VM that has a high mean for its profile has a high 95th percentile: both lie at the same place
  in their ranges. Drawn apart, the percentile could come to lie below the mean.
- Use is a fixed function of a *pressure* u, which is spread evenly over 0..1 in the long run:
  `q (u / .95)^k` up to .95, where it is the 95th percentile q; from there a line up to the peak,
  1.2 q but at most 1. The exponent k gives the VM its mean; where the ranges contradict each other
  (a 95th percentile so high that the peaks alone exceed the mean), it is 50: idle between peaks.
- Pressure walks at random, a quarter of its range in a virtual hour (standard deviation), and is
  reflected at 0 and 1. That of a periodic VM rises for half a virtual day and falls for the other
  half, highest at a random hour; it does not walk, but trembles by 0.02 (standard deviation).
- Memory use starts at a quarter of what it comes to, which is between 35 and 95 % of the VM's
  memory, and approaches it with a time constant of 900 s. It does not follow the use of CPUs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackanalysis.workload.arrivals import Population
from slackanalysis.workload.catalogue import DAY_S, HOUR_S, PROFILES
from slackanalysis.workload.host import Workload

PERCENTILE = 0.95
PEAK_ABOVE_PERCENTILE = 1.2
STEEPEST = 50.0
WALK_PER_HOUR = 0.25
PERIODIC_TREMBLE = 0.02
MEMORY_USE = (0.35, 0.95)
MEMORY_AT_START = 0.25
MEMORY_TIME_CONSTANT_S = 900.0

DECIMALS = 4
"""Uses have this many decimals, as in a recording."""

_CELLS_PER_BLOCK = 1 << 18
_STEPS_PER_BLOCK = 1 << 10
_TRAITS_STREAM = 1
_WALK_STREAM = 2


@dataclass(frozen=True)
class UsageBlock:
    """The uses of all VMs over some timestamps, one cell for each VM at each of them.

    Cells are sorted by timestamp, then level, then order of arrival, whatever the block's size.

    Attributes:
        start: index of the first timestamp.
        stop: index behind the last timestamp.
        step: index of each cell's timestamp, counted from `start`, shape (cells,).
        vm: index of each cell's VM, shape (cells,).
        cpu: use of vCPUs, 0..1, shape (cells,).
        memory: use of memory, 0..1, shape (cells,).
    """

    start: int
    stop: int
    step: NDArray[np.int64]
    vm: NDArray[np.int64]
    cpu: NDArray[np.float64]
    memory: NDArray[np.float64]


@dataclass(frozen=True)
class _Traits:
    """What makes one VM's use differ from another's; every array has shape (VMs,)."""

    exponent: NDArray[np.float64]
    percentile: NDArray[np.float64]
    peak: NDArray[np.float64]
    pressure_at_start: NDArray[np.float64]
    drift_per_step: NDArray[np.float64]
    walk_per_step: NDArray[np.float64]
    tremble: NDArray[np.float64]
    memory: NDArray[np.float64]


def usage_over_time(workload: Workload, population: Population) -> Iterator[UsageBlock]:
    """Yield the uses of all VMs at all timestamps, in blocks of bounded size."""
    traits = _traits(workload, population)
    rng = np.random.default_rng([workload.seed, _WALK_STREAM])
    by_level = np.argsort(population.level, kind="stable")
    pressure = traits.pressure_at_start.copy()
    cells_per_step = max(1, most_alive(workload, population))
    block_steps = max(1, min(_CELLS_PER_BLOCK // cells_per_step, _STEPS_PER_BLOCK))
    for start in range(0, workload.steps, block_steps):
        stop = min(start + block_steps, workload.steps)
        is_there = (population.arrival[by_level] < stop) & (population.departure[by_level] > start)
        there = by_level[is_there]
        timestamps = np.arange(start, stop)[:, None]
        alive = (population.arrival[there] <= timestamps) & (
            timestamps < population.departure[there]
        )
        step, column = np.nonzero(alive)
        vm = there[column]
        moves = np.zeros(alive.shape)
        noise = rng.standard_normal(len(vm))
        moves[alive] = traits.drift_per_step[vm] + traits.walk_per_step[vm] * noise
        walked = pressure[there] + np.cumsum(moves, axis=0)
        pressure[there] = walked[-1]
        reached = _reflected(walked[alive] + traits.tremble[vm] * noise)
        age_s = (start + step - population.arrival[vm]) * workload.step_s
        yield UsageBlock(
            start,
            stop,
            step,
            vm,
            np.round(_cpu_use(traits, vm, reached), DECIMALS),
            np.round(_memory_use(traits, vm, age_s), DECIMALS),
        )


def most_alive(workload: Workload, population: Population) -> int:
    """Return the largest number of VMs that are there at one timestamp."""
    arrived = np.bincount(population.arrival, minlength=workload.steps + 1)
    left = np.bincount(population.departure, minlength=workload.steps + 1)
    return int(np.cumsum(arrived - left).max())


def _traits(workload: Workload, population: Population) -> _Traits:
    count = len(population)
    rng = np.random.default_rng([workload.seed, _TRAITS_STREAM])
    place = rng.random(count)
    ranges = np.array([(*profile.mean_use, *profile.peak_use) for profile in PROFILES])
    lowest_mean, highest_mean, lowest_peak, highest_peak = ranges[population.profile].T
    mean = lowest_mean + place * (highest_mean - lowest_mean)
    percentile = lowest_peak + place * (highest_peak - lowest_peak)
    periodic_share = np.array([profile.periodic for profile in PROFILES])[population.profile]
    is_periodic = rng.random(count) < periodic_share
    walk_per_step = WALK_PER_HOUR * np.sqrt(workload.step_s / HOUR_S)
    peak = np.minimum(1.0, PEAK_ABOVE_PERCENTILE * percentile)
    return _Traits(
        exponent=_exponent(mean, percentile, peak),
        percentile=percentile,
        peak=peak,
        pressure_at_start=2 * rng.random(count),
        drift_per_step=np.where(is_periodic, 2 * workload.step_s / DAY_S, 0.0),
        walk_per_step=np.where(is_periodic, 0.0, walk_per_step),
        tremble=np.where(is_periodic, PERIODIC_TREMBLE, 0.0),
        memory=rng.uniform(*MEMORY_USE, count),
    )


def _exponent(
    mean: NDArray[np.float64], percentile: NDArray[np.float64], peak: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return k such that use has the mean asked for.

    Over evenly spread pressure, `q (u / .95)^k` up to .95 has the integral `.95 q / (k + 1)`, and
    the line above it `.05 (q + peak) / 2`.
    """
    below = np.maximum(mean - (1 - PERCENTILE) * (percentile + peak) / 2, 0.0)
    enough = below * (STEEPEST + 1) > PERCENTILE * percentile
    exponent = PERCENTILE * percentile / np.where(enough, below, 1.0) - 1
    steepest: NDArray[np.float64] = np.where(enough, np.maximum(exponent, 0.0), STEEPEST)
    return steepest


def _cpu_use(
    traits: _Traits, vm: NDArray[np.int64], pressure: NDArray[np.float64]
) -> NDArray[np.float64]:
    percentile, peak = traits.percentile[vm], traits.peak[vm]
    below = percentile * (pressure / PERCENTILE) ** traits.exponent[vm]
    above = percentile + (peak - percentile) * (pressure - PERCENTILE) / (1 - PERCENTILE)
    return np.where(pressure < PERCENTILE, below, above)


def _memory_use(
    traits: _Traits, vm: NDArray[np.int64], age_s: NDArray[np.int64]
) -> NDArray[np.float64]:
    missing = (1 - MEMORY_AT_START) * np.exp(-age_s / MEMORY_TIME_CONSTANT_S)
    return traits.memory[vm] * (1 - missing)


def _reflected(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place in 0..1 of what moves on a line and is reflected at 0 and 1."""
    folded: NDArray[np.float64] = 1 - np.abs(1 - position % 2)
    return folded
