"""What is claimed of published inputs, how close we must come, and whether we do.

A claim belongs to one input, told by the SHA-256 of its file. For any other input nothing is
asserted. docs/reproduction.md shows all claims in one table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd


@dataclass(frozen=True, slots=True)
class Claim:
    """A number that is published, or known of a published input.

    Attributes:
        name: what it is.
        value: the number.
        tolerance: how far from it ours may be.
        unit: unit of both.
    """

    name: str
    value: float
    tolerance: float
    unit: str


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    OTHER_INPUT = "not the published input"


FIG_3_S = 30_000
"""Time of the claims about Fig. 3, in seconds since the first sample: the figure's right end."""

FIG_3 = (
    Claim("Fig. 3: CPUs owned by vNode 1:1 at 30,000 s", 125, 5, "CPUs"),
    Claim("Fig. 3: CPUs owned by vNode 2:1 at 30,000 s", 67, 5, "CPUs"),
    Claim("Fig. 3: CPUs owned by vNode 3:1 at 30,000 s", 40, 5, "CPUs"),
    Claim("Fig. 3: CPUs in use by vNode 1:1 at 30,000 s", 40, 7, "CPUs"),
    Claim("Fig. 3: CPUs in use by vNode 2:1 at 30,000 s", 30, 5, "CPUs"),
    Claim("Fig. 3: CPUs in use by vNode 3:1 at 30,000 s", 27, 5, "CPUs"),
)
"""Read off the published figure, so not exact."""

GAINS = (
    Claim("mean gain over the 30 cells, first fit", 3.91, 0.7, "%"),
    Claim("correlation with the published cells, first fit", 1.0, 0.1, ""),
)
"""Of request lists of our own generator: both catalogues, 15 mixes, 500 VMs, seeds 1 to 20."""

OUR_LISTS = 600
OUR_LISTS_SHA256 = "061574c806e860b6ec550c528da9e00e5b49cb2669380172d67218f681842948"
"""How many lists those are, and their `slackanalysis.sweep.reproduced.digest`."""

LISTS_SHA256 = "073c7d9b4885c7d54e044fdcb4d66172469c8bf35c0aa47b338a8802547c07f8"
"""The 30 request lists of one seed that the authors' generator made."""

LISTS = (
    Claim("hosts for the 30 lists, shared, first fit", 1808, 0, "hosts"),
    Claim("hosts for the 30 lists, separate, first fit", 1872, 0, "hosts"),
    Claim("hosts for the 30 lists, shared, progress", 1801, 0, "hosts"),
    Claim("hosts for the 30 lists, separate, progress", 1866, 0, "hosts"),
    Claim("volume bound of the 30 lists", 1779, 0, "hosts"),
)
"""Of these lists, on hosts of 32 CPUs and 128 GiB; found by two independent programs."""


def check(
    claims: Sequence[Claim], found: Mapping[str, float], is_published_input: bool
) -> pd.DataFrame:
    """Return one row per claim: what is claimed, what was found, and the verdict.

    Args:
        claims: the claims.
        found: our number for each, by the claim's name.
        is_published_input: whether ours comes of the input that the claims belong to.

    Returns:
        `claim`, `published`, `ours`, `difference`, `tolerance`, `unit`, `verdict`.
    """
    rows = []
    for claim in claims:
        ours = found[claim.name]
        is_close = abs(ours - claim.value) <= claim.tolerance
        verdict = Verdict.HOLDS if is_close else Verdict.FAILS
        rows.append(
            {
                "claim": claim.name,
                "published": claim.value,
                "ours": ours,
                "difference": ours - claim.value,
                "tolerance": claim.tolerance,
                "unit": claim.unit,
                "verdict": (verdict if is_published_input else Verdict.OTHER_INPUT).value,
            }
        )
    return pd.DataFrame(rows)


def require(checked: pd.DataFrame) -> None:
    """Raise an error if a claim fails.

    Raises:
        AssertionError: names the claims that fail, with both numbers.
    """
    failed = checked[checked["verdict"] == Verdict.FAILS.value]
    told = [
        f"{row.claim}: {row.ours:g} {row.unit}, published {row.published:g} ± {row.tolerance:g}"
        for row in failed.itertuples()
    ]
    if told:
        raise AssertionError("claims of the paper do not hold: " + "; ".join(told))
