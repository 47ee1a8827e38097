"""What a generated trace is to look like: the host, the VMs on offer, duration, load."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slackanalysis.workload.catalogue import CATALOGUES, Catalogue
from slackanalysis.workload.mix import FIG_3_MIX, checked_mix, parse_mix

_MOST_STEPS = 1_000_000
_MOST_LOAD = 100.0


@dataclass(frozen=True)
class Workload:
    """A workload for one host; equal workloads give equal traces.

    The defaults are the host and the span of the published Fig. 3: an EPYC 7662 server.

    Attributes:
        cpus: CPUs that the host offers.
        memory_mib: MiB that it offers.
        catalogue: sizes of the VMs.
        mix: share of the VMs of each level, adding up to 1; a level without share is left out.
        duration_s: seconds from the first timestamp to the last, cut to whole steps.
        step_s: seconds between timestamps.
        load: share of the host's CPUs that the vNodes own in the end. Up to 1, all VMs fit the
            host at all times; beyond, a replay refuses some.
        seed: start of all random numbers, 0 or more.

    Raises:
        ValueError: a value is out of range; the message names it and what is allowed.
    """

    cpus: int = 232
    memory_mib: int = 1_031_742
    catalogue: Catalogue = CATALOGUES["ovhcloud2023"]
    mix: Mapping[float, float] = field(default_factory=lambda: parse_mix(FIG_3_MIX))
    duration_s: int = 30_000
    step_s: int = 15
    load: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name, value, lowest in (
            ("number of CPUs", self.cpus, 1),
            ("memory in MiB", self.memory_mib, 1),
            ("step in seconds", self.step_s, 1),
            ("seed", self.seed, 0),
        ):
            if value < lowest:
                raise ValueError(f"{name} {value} is not allowed: {lowest} or more")
        if self.duration_s < self.step_s:
            raise ValueError(
                f"duration {self.duration_s} s is not allowed: "
                f"one step or more, and a step is {self.step_s} s"
            )
        if self.steps > _MOST_STEPS:
            raise ValueError(
                f"duration {self.duration_s} s is not allowed: {self.steps} timestamps, "
                f"{self.step_s} s apart, are more than {_MOST_STEPS:,}"
            )
        if not 0 < self.load <= _MOST_LOAD:
            raise ValueError(
                f"load {self.load} is not allowed: more than 0, at most {_MOST_LOAD:g}; "
                "1 is a full host"
            )
        object.__setattr__(self, "mix", checked_mix(self.mix))

    @property
    def steps(self) -> int:
        """Number of timestamps."""
        return self.duration_s // self.step_s + 1

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels in the mix, ascending."""
        return tuple(self.mix)
