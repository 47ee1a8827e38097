"""The VMs of a generated host: size, level and profile, arrival and departure.

Published (SlackVM, IEEE Cluster 2024, and CloudFactory of the same authors) and kept here: the
flavours and their counts; levels dealt out by share, independent of the flavour; the memory cap of
oversubscribed VMs; profiles that arrive by share times arrival rate, of which the departure rate
lives 1 to 24 virtual hours and the rest to the end; Weibull-spread hours of arrival.

Not published, and chosen here:

- The Weibull distribution of the hour has shape 2 and scale 12: most VMs arrive between the 4th
  and the 18th hour of a virtual day. A trace shorter than a day has arrivals spread evenly.
- Every day brings equally many, from an empty host on. So the vNodes grow about linearly.
- A short life is spread evenly between its bounds.
- VMs are drawn until the vNodes own the CPUs that the load asks for at the last timestamp. A VM
  that does not fit during all of its life is passed over. Those are more often large than small,
  so the draw ends within 1 % of the load, or when 50 were passed over: on a full host, that is
  within about 5 %, unless memory is what is full.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from slackanalysis.workload.catalogue import DAY_S, HOUR_S, PROFILES, capped_mib
from slackanalysis.workload.host import Workload
from slackvm.model.vm import cpus_for, milli_level

ARRIVAL_HOUR_SHAPE = 2.0
ARRIVAL_HOUR_SCALE = 12.0
SHORT_LIFE_HOURS = (1.0, 24.0)

_CLOSE_ENOUGH = 0.99
_MOST_PASSED_OVER = 50
_BATCH = 256
_POPULATION_STREAM = 0


@dataclass(frozen=True)
class Population:
    """The VMs of a trace in the order in which they arrive; every array has shape (VMs,).

    Attributes:
        vcpus: vCPUs.
        memory_mib: MiB.
        level: index into the workload's `levels`.
        profile: index into `PROFILES`.
        arrival: index of the first timestamp at which the VM is there.
        departure: index of the first timestamp at which it is gone.
    """

    vcpus: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    level: NDArray[np.int64]
    profile: NDArray[np.int64]
    arrival: NDArray[np.int64]
    departure: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of VMs."""
        return len(self.vcpus)

    def __getitem__(self, chosen: NDArray[np.int64]) -> "Population":
        """Return the chosen VMs, in that order."""
        return Population(*(getattr(self, field.name)[chosen] for field in fields(self)))


def fill_host(workload: Workload) -> Population:
    """Return VMs that fill an empty host up to the workload's load at the last timestamp.

    At a load of 1 or less they fit the host's CPUs and memory at every timestamp.

    Raises:
        ValueError: not a single VM fits.
    """
    rng = _stream(workload)
    room = _Room(workload)
    admitted: list[Population] = []
    passed_over = 0
    while passed_over < _MOST_PASSED_OVER and not room.is_taken():
        requests = _draw(workload, rng, _BATCH)
        for request in range(_BATCH):
            if passed_over == _MOST_PASSED_OVER or room.is_taken():
                break
            chosen = requests[np.array([request])]
            if room.admit(chosen):
                admitted.append(chosen)
            else:
                passed_over += 1
    if not admitted:
        raise ValueError(
            f"no VM of catalogue {workload.catalogue.name!r} fits a host of {workload.cpus} CPUs "
            f"and {workload.memory_mib} MiB at load {workload.load:g}: "
            "a larger host or load is needed"
        )
    return _in_order(admitted)


def keep_steady(workload: Workload, vms: int, alive: int) -> Population:
    """Return `vms` VMs in all, of which about `alive` are there at any timestamp.

    For benchmarks: size alone counts, the workload's load does not, and VMs may be more than fit
    the host. Those that are not there from the start arrive evenly over time; lives are
    exponentially long, with the mean that keeps the number steady.

    Raises:
        ValueError: `alive` is not between 1 and `vms`.
    """
    if not 1 <= alive <= vms:
        raise ValueError(f"alive {alive} is not allowed: 1 or more, at most all {vms} VMs")
    rng = _stream(workload)
    drawn = _draw(workload, rng, vms)
    arrival = np.concatenate(
        [np.zeros(alive, dtype=np.int64), rng.integers(0, workload.steps, vms - alive)]
    )
    mean_life = alive * workload.steps / max(vms - alive, 1)
    life = np.ceil(rng.exponential(mean_life, vms)).astype(np.int64)
    departure = np.minimum(arrival + np.maximum(life, 1), workload.steps)
    steady = Population(
        drawn.vcpus, drawn.memory_mib, drawn.level, drawn.profile, arrival, departure
    )
    return _in_order([steady])


class _Room:
    """CPUs and memory that VMs take over time; sizes of vNodes as the model computes them."""

    def __init__(self, workload: Workload) -> None:
        shape = (len(workload.levels), workload.steps)
        self._millis = [milli_level(level) for level in workload.levels]
        self._allocation = np.zeros(shape, dtype=np.int64)
        self._largest = np.zeros(shape, dtype=np.int64)
        self._owned = np.zeros(workload.steps, dtype=np.int64)
        self._memory = np.zeros(workload.steps, dtype=np.int64)
        self._cpu_limit = np.full(workload.steps, int(max(workload.load, 1.0) * workload.cpus))
        self._cpu_limit[-1] = int(workload.load * workload.cpus)
        self._memory_limit = int(max(workload.load, 1.0) * workload.memory_mib)

    def is_taken(self) -> bool:
        """Return whether the vNodes own, in the end, nearly all CPUs that they may."""
        return bool(self._owned[-1] >= _CLOSE_ENOUGH * self._cpu_limit[-1])

    def admit(self, vm: Population) -> bool:
        """Take in a single VM, or return False where it does not fit during all of its life."""
        level, life = int(vm.level[0]), slice(int(vm.arrival[0]), int(vm.departure[0]))
        milli = self._millis[level]
        allocation, largest = self._allocation[level, life], self._largest[level, life]
        before = np.maximum(cpus_for(allocation, milli), largest)
        new_allocation = allocation + vm.vcpus[0]
        new_largest = np.maximum(largest, vm.vcpus[0])
        gain = np.maximum(cpus_for(new_allocation, milli), new_largest) - before
        owned, memory = self._owned[life] + gain, self._memory[life] + vm.memory_mib[0]
        if (owned > self._cpu_limit[life]).any() or memory.max() > self._memory_limit:
            return False
        self._allocation[level, life], self._largest[level, life] = new_allocation, new_largest
        self._owned[life], self._memory[life] = owned, memory
        return True


def _stream(workload: Workload) -> np.random.Generator:
    return np.random.default_rng([workload.seed, _POPULATION_STREAM])


def _in_order(parts: list[Population]) -> Population:
    """Return VMs by the time of their arrival, those of one time in the order given."""
    names = [field.name for field in fields(Population)]
    everyone = Population(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )
    return everyone[np.argsort(everyone.arrival, kind="stable")]


def _draw(workload: Workload, rng: np.random.Generator, count: int) -> Population:
    """Return `count` VMs, not in the order of their arrival."""
    flavours = workload.catalogue.flavours
    counts = np.array([flavour.count for flavour in flavours])
    flavour = rng.choice(len(flavours), size=count, p=counts / counts.sum())
    level = rng.choice(len(workload.levels), size=count, p=list(workload.mix.values()))
    arriving = np.array([profile.share * profile.arrival_rate for profile in PROFILES])
    profile = rng.choice(len(PROFILES), size=count, p=arriving / arriving.sum())

    arrival_s = _arrival_times(workload, rng, count)
    departure_rate = np.array([profile.departure_rate for profile in PROFILES])[profile]
    is_short = rng.random(count) < departure_rate
    life_s = np.where(is_short, rng.uniform(*SHORT_LIFE_HOURS, count) * HOUR_S, np.inf)
    steps = workload.steps
    arrival = np.ceil(arrival_s / workload.step_s).astype(np.int64)
    departure = np.minimum(np.ceil((arrival_s + life_s) / workload.step_s), steps).astype(np.int64)
    return Population(
        vcpus=np.array([flavour.vcpus for flavour in flavours])[flavour],
        memory_mib=capped_mib(
            np.array([flavour.memory_mib for flavour in flavours])[flavour],
            np.array(workload.levels)[level],
        ),
        level=level,
        profile=profile,
        arrival=arrival,
        departure=np.maximum(departure, arrival + 1),
    )


def _arrival_times(workload: Workload, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return `count` times in seconds, none after the last timestamp."""
    last = (workload.steps - 1) * workload.step_s
    if last < DAY_S:
        return rng.uniform(0, last, count)
    times = np.empty(0)
    while len(times) < count:
        hour = ARRIVAL_HOUR_SCALE * rng.weibull(ARRIVAL_HOUR_SHAPE, count)
        day = rng.integers(0, last // DAY_S + 1, count)
        drawn = day * DAY_S + hour * HOUR_S % DAY_S
        times = np.concatenate([times, drawn[drawn <= last]])
    return times[:count]
