"""What a generated trace is to look like: the host, the VMs on offer, how long, how full."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from slackanalysis.catalogue import CATALOGUES, Catalogue
from slackvm.model.vm import milli_level

FIG_3_MIX = "33-35-32"
"""Mix with which vNodes grow as in the published Fig. 3 (SlackVM, IEEE Cluster 2024): about 125,
67 and 40 owned CPUs of levels 1, 2 and 3 are 125, 134 and 120 vCPUs."""

_PERCENT_LEVELS = (1.0, 2.0, 3.0)
_PERCENTS = re.compile(r"([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})")
_DECIMAL = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_SHARE = re.compile(rf"\s*{_DECIMAL}\s*=\s*{_DECIMAL}\s*")
_TOLERANCE = 0.001
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
        object.__setattr__(self, "mix", _checked_mix(self.mix))

    @property
    def steps(self) -> int:
        """Number of timestamps."""
        return self.duration_s // self.step_s + 1

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels in the mix, ascending."""
        return tuple(self.mix)


def parse_mix(text: str) -> dict[float, float]:
    """Return the share of each level that `text` gives.

    `50-25-25` are percent of levels 1, 2 and 3; `1.0=.5,1.5=.5` are shares of any levels.

    Raises:
        ValueError: `text` is neither, or its shares do not add up to the whole.
    """
    percents = _PERCENTS.fullmatch(text)
    if percents:
        shares = [int(percent) / 100 for percent in percents.groups()]
        return _checked_mix(dict(zip(_PERCENT_LEVELS, shares, strict=True)))
    parts = [_SHARE.fullmatch(part) for part in text.split(",")]
    mix = {float(part[1]): float(part[2]) for part in parts if part}
    if None in parts:
        raise ValueError(
            f"mix {text!r} is not allowed: percent of levels 1, 2 and 3 as in 50-25-25, "
            "or shares of levels as in 1.0=.5,1.5=.5"
        )
    if len(mix) < len(parts):
        raise ValueError(f"mix {text!r} is not allowed: a level stands in it twice")
    return _checked_mix(mix)


def mix_text(mix: Mapping[float, float]) -> str:
    """Return a mix as `parse_mix` reads it: in percent where that says it exactly."""
    percents = [100 * mix.get(level, 0) for level in _PERCENT_LEVELS]
    rounded = [round(percent) for percent in percents]
    if set(mix) <= set(_PERCENT_LEVELS) and all(map(math.isclose, percents, rounded)):
        return "-".join(map(str, rounded))
    return ",".join(f"{level}={share:g}" for level, share in mix.items())


def _checked_mix(mix: Mapping[float, float]) -> dict[float, float]:
    """Return a mix in the order of its levels, without the levels that have no share."""
    for level, share in mix.items():
        milli_level(level)
        if not (math.isfinite(share) and share >= 0):
            raise ValueError(f"share {share} of level {level} is not allowed: 0 or more, at most 1")
    total = sum(mix.values())
    if abs(total - 1) > _TOLERANCE:
        raise ValueError(
            f"mix {mix_text(mix)} is not allowed: "
            f"its shares add up to {total:.4g}, not to 1 (100 %)"
        )
    return {float(level): mix[level] / total for level in sorted(mix) if mix[level] > 0}
