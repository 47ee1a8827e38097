"""A request list: VMs that users request, each for some time. Clusters are sized for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from slackvm.model import VM


@dataclass(frozen=True)
class RequestList:
    """Requests in the order in which those of one time are served.

    Attributes:
        keys: what tells this list from others, as text by column.
        vms: the requested VMs.
        start_s: when each VM arrives, in seconds, shape (VMs,).
        lifetime_s: after how many seconds it leaves, more than 0, shape (VMs,).
    """

    keys: Mapping[str, str]
    vms: Sequence[VM]
    start_s: NDArray[np.float64]
    lifetime_s: NDArray[np.float64]

    @property
    def end_s(self) -> NDArray[np.float64]:
        """When each VM leaves, in seconds, shape (VMs,)."""
        return self.start_s + self.lifetime_s

    @property
    def name(self) -> str:
        """The keys, for people."""
        return ", ".join(self.keys.values())

    @property
    def levels(self) -> list[float]:
        """Levels of the VMs, ascending."""
        return sorted({vm.level for vm in self.vms})

    @property
    def most_at_once(self) -> int:
        """The largest number of VMs that are there at one time."""
        return int(np.cumsum(np.where(self.events >= 0, 1, -1)).max(initial=0))

    @cached_property
    def sha256(self) -> str:
        """A SHA-256, in hexadecimal, of the requests: sizes, levels, times, and the order.

        Names of VMs and the list's keys do not count, nor does how a file writes the numbers.
        """
        sizes = [(vm.vcpus, vm.memory_mib, vm.milli) for vm in self.vms]
        digest = sha256(np.array(sizes, dtype="<i8").tobytes())
        for times in (self.start_s, self.lifetime_s):
            digest.update(np.asarray(times, dtype="<f8").tobytes())
        return digest.hexdigest()

    @cached_property
    def events(self) -> NDArray[np.int64]:
        """What happens, in order: index `i` for the arrival of a VM, `~i` for its departure.

        At equal times all arrivals, in the order of the list, come before departures. Shape
        (2 * VMs,).
        """
        index = np.arange(len(self.vms))
        times = np.concatenate([self.start_s, self.end_s])
        is_departure = np.repeat([False, True], len(index))
        order: NDArray[np.int64] = np.concatenate([index, ~index])[
            np.lexsort((is_departure, times))
        ]
        return order

    def of_level(self, level: float) -> "RequestList":
        """Return the requests of one level, in the same order."""
        chosen = [index for index, vm in enumerate(self.vms) if vm.level == level]
        vms = [self.vms[index] for index in chosen]
        return RequestList(self.keys, vms, self.start_s[chosen], self.lifetime_s[chosen])
