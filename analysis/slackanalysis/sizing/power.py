"""What hosts draw, by the CPUs that are allocated on them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackanalysis.sizing.hosts import Hosts

_POWER = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?):([0-9]{1,6}(?:\.[0-9]{1,6})?)")


@dataclass(frozen=True)
class PowerCurve:
    """The power of hosts, in watts, linear in the share of their CPUs that vNodes own.

    A host with a VM draws `idle + (peak - idle) x allocated CPUs / all CPUs`; one without a VM is
    off. The line is that of Fan, Weber, Barroso, "Power provisioning for a warehouse-sized
    computer", ISCA 2007, with the allocated share in the place of the CPU utilization: allocated
    CPUs count as fully used, so real hosts draw less.

    Attributes:
        idle_w: watts of a host of each kind of which no CPU is used.
        peak_w: watts of a host of each kind of which all CPUs are used.
    """

    idle_w: tuple[float, ...]
    peak_w: tuple[float, ...]

    def change_w(
        self,
        hosts: Hosts,
        kind: NDArray[np.int64],
        newly_used: NDArray[np.int64],
        gained: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return by how many watts each event changes what the hosts draw, shape (events,).

        Args:
            hosts: what each host offers.
            kind: index of the kind of host of each event.
            newly_used: 1 where an event brings an empty host a VM, -1 where it empties one.
            gained: CPUs that vNodes gain by each event.
        """
        idle, peak = np.array(self.idle_w), np.array(self.peak_w)
        of_a_cpu = (peak - idle) / np.array([size.cpus for size in hosts.kinds])
        change: NDArray[np.float64] = newly_used * idle[kind] + gained * of_a_cpu[kind]
        return change


def parse_power(texts: Sequence[str], hosts: Hosts) -> PowerCurve:
    """Return the curve that options `--power IDLE:PEAK` stand for.

    Args:
        texts: one for all kinds of hosts, or one for each kind.
        hosts: what each host offers.

    Raises:
        ValueError: one is not allowed, or their number does not go with the kinds of hosts.
    """
    kinds = len(hosts.kinds)
    if len(texts) not in (1, kinds):
        allowed = "one" if kinds == 1 else f"one for all, or one for each of the {kinds} kinds"
        raise ValueError(f"power is given {len(texts)} times; allowed: {allowed}")
    curves = [_parsed(text) for text in texts] * (kinds if len(texts) == 1 else 1)
    return PowerCurve(tuple(idle for idle, _ in curves), tuple(peak for _, peak in curves))


def _parsed(text: str) -> tuple[float, float]:
    found = _POWER.fullmatch(text)
    if not found or float(found[1]) > float(found[2]):
        raise ValueError(
            f"power {text!r} is not allowed: IDLE:PEAK in watts, idle not above peak, as in 100:350"
        )
    return float(found[1]), float(found[2])
