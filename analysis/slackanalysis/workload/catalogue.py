"""What tenants request and how they use it: flavours of two providers, and usage profiles.

Sources: P. Jacquet, T. Ledoux, R. Rouvoy, "SlackVM: Packing Virtual Machines in Oversubscribed
Cloud Infrastructures", IEEE Cluster 2024, for the flavours; the workload generator CloudFactory of
the same authors for the profiles, and lists made by it for the arrivals in a day.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

GIB = 1024
"""MiB in a GiB."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """A size of VM that a provider sells.

    Attributes:
        vcpus: vCPUs.
        memory_mib: memory in MiB.
        count: how many VMs have this size, in relation to those of the other sizes.
    """

    vcpus: int
    memory_mib: int
    count: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a provider sells.

    Attributes:
        name: the provider's name.
        flavours: sizes of VMs.
        daily_of_500: VMs that arrive on each day after the first where 500 are there on the first,
            as in lists of CloudFactory; None: as the profiles' arrival rates tell.
    """

    name: str
    flavours: tuple[Flavour, ...]
    daily_of_500: int | None = None

    @property
    def sha256(self) -> str:
        """A SHA-256, in hexadecimal, of the name, the flavours and the daily arrivals."""
        return sha256(json.dumps(asdict(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Profile:
    """How a kind of VM uses its vCPUs, and how often such VMs come and go.

    Uses are shares of the VM's own size, 0..1; a pair is the range over the VMs of the profile.

    Attributes:
        name: the profile's name.
        share: share of all VMs.
        mean_use: use on average over time.
        peak_use: 95th percentile of use over time.
        arrival_rate: VMs that arrive in a day, per VM of the profile at the start.
        departure_rate: share of the VMs that live for a day or less; the others stay to the end.
        periodic: share of the VMs whose use follows the time of day.
    """

    name: str
    share: float
    mean_use: tuple[float, float]
    peak_use: tuple[float, float]
    arrival_rate: float
    departure_rate: float
    periodic: float


def _catalogue(
    name: str, daily_of_500: int, *sizes: tuple[int, float, int]
) -> tuple[str, Catalogue]:
    """Return a catalogue by its name, of flavours as (vCPUs, GiB, count of 500)."""
    flavours = tuple(Flavour(vcpus, round(gib * GIB), count) for vcpus, gib, count in sizes)
    return name, Catalogue(name, flavours, daily_of_500)


CATALOGUES: Mapping[str, Catalogue] = dict(
    [
        _catalogue(
            "ovhcloud2023",
            202,
            (2, 7, 135),
            (2, 4, 105),
            (4, 15, 100),
            (4, 8, 70),
            (1, 2, 50),
            (8, 30, 25),
            (16, 60, 15),
        ),
        _catalogue(
            "azure2017",
            201,
            (1, 1.75, 235),
            (2, 3.5, 125),
            (4, 7, 80),
            (8, 14, 25),
            (1, 0.75, 20),
            (8, 56, 10),
            (4, 14, 5),
        ),
    ]
)
"""Catalogues by name: OVHcloud in 2023 and Microsoft Azure in 2017."""

PROFILES = (
    Profile("low_with_peak", 0.36, (0.002, 0.333), (0.666, 1.0), 0.60, 0.60, 0.011),
    Profile("low", 0.28, (0.0, 0.259), (0.0, 0.312), 0.15, 0.15, 0.004),
    Profile("intensive", 0.14, (0.293, 1.0), (0.521, 1.0), 0.57, 0.57, 0.008),
    # Published as .21: the shares add up to .99, and the rest is counted here.
    Profile("low_mid", 0.22, (0.001, 0.519), (0.26, 0.702), 0.32, 0.32, 0.008),
)
"""Usage profiles; their shares add up to 1."""

MAX_OVERSUBSCRIBED_MIB = 8 * GIB
"""An oversubscribed VM is sold with no more memory than this (SlackVM, IEEE Cluster 2024)."""


def capped_mib(memory_mib: NDArray[np.int64], level: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the memory with which VMs of these flavours are sold at these levels."""
    return np.where(level > 1, np.minimum(memory_mib, MAX_OVERSUBSCRIBED_MIB), memory_mib)


HOUR_S = 360
"""Seconds of a virtual hour: CloudFactory's temporality, so that days fit into an experiment."""

DAY_S = 24 * HOUR_S
"""Seconds of a virtual day."""
