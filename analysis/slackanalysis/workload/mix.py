"""A level mix: which share of the VMs has which level."""

import math
import re
from collections.abc import Mapping

from slackvm.model.vm import milli_level

FIG_3_MIX = "33-35-32"
"""Mix with which vNodes grow as in the published Fig. 3 (SlackVM, IEEE Cluster 2024): about 125,
67 and 40 owned CPUs of levels 1, 2 and 3 are 125, 134 and 120 vCPUs."""

_PERCENT_LEVELS = (1.0, 2.0, 3.0)
_PERCENTS = re.compile(r"([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})")
_DECIMAL = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_SHARE = re.compile(rf"\s*{_DECIMAL}\s*=\s*{_DECIMAL}\s*")
_TOLERANCE = 0.001


def parse_mix(text: str) -> dict[float, float]:
    """Return the share of each level that `text` gives.

    `50-25-25` are percent of levels 1, 2 and 3; `1.0=.5,1.5=.5` are shares of any levels.

    Raises:
        ValueError: `text` is neither, or its shares do not add up to the whole.
    """
    percents = _PERCENTS.fullmatch(text)
    if percents:
        shares = [int(percent) / 100 for percent in percents.groups()]
        return checked_mix(dict(zip(_PERCENT_LEVELS, shares, strict=True)))
    parts = [_SHARE.fullmatch(part) for part in text.split(",")]
    mix = {float(part[1]): float(part[2]) for part in parts if part}
    if None in parts:
        raise ValueError(
            f"mix {text!r} is not allowed: percent of levels 1, 2 and 3 as in 50-25-25, "
            "or shares of levels as in 1.0=.5,1.5=.5"
        )
    if len(mix) < len(parts):
        raise ValueError(f"mix {text!r} is not allowed: a level stands in it twice")
    return checked_mix(mix)


def mix_text(mix: Mapping[float, float]) -> str:
    """Return a mix as `parse_mix` reads it: in percent where that says it exactly."""
    percents = [100 * mix.get(level, 0) for level in _PERCENT_LEVELS]
    rounded = [round(percent) for percent in percents]
    if set(mix) <= set(_PERCENT_LEVELS) and all(map(math.isclose, percents, rounded)):
        return "-".join(map(str, rounded))
    return ",".join(f"{level}={share:g}" for level, share in mix.items())


def checked_mix(mix: Mapping[float, float]) -> dict[float, float]:
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
