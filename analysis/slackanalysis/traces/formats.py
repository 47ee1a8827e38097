"""The traces that can be imported: what each is, which options it takes, and how it is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slackanalysis.progress import Track
from slackanalysis.traces import alibaba, bitbrains
from slackanalysis.traces.account import Account
from slackanalysis.traces.azure import read_azure
from slackanalysis.traces.huawei import read_huawei
from slackanalysis.traces.packing import read_packing
from slackanalysis.traces.recording import Samples
from slackanalysis.traces.sizes import Units
from slackanalysis.traces.vms import TraceVMs

CLOUDFACTORY = "cloudfactory"
"""No trace but a scenario: it becomes a catalogue."""

_USE = ("recording", "step")

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "azure-2017": (),
    "azure-2019": ("above_cpus", "above_memory_gib"),
    "azure-packing-2020": ("unit_cpus", "unit_memory_gib", "machine"),
    "huawei-east-1": (),
    "bitbrains": _USE,
    "alibaba-2018": ("unit_memory_gib", "machine", "usage", *_USE),
}
"""Options of each trace, beside those that all traces have."""


@dataclass(frozen=True)
class Trace:
    """A trace that can be read.

    Attributes:
        vms: its VMs, piece by piece.
        use: what VMs of some names used over time; None where the trace has no such file.
        last_s: the second behind its last, where that is published.
        first_time_s: what 0 s of the trace is on the clock of the recording.
    """

    vms: Iterable[TraceVMs]
    use: Callable[[set[str], Track], Iterator[Samples]] | None = None
    last_s: float = 0.0
    first_time_s: int = 0


@dataclass(frozen=True)
class Reading:
    """How a trace is read.

    Attributes:
        units: what its numbers stand for.
        machine: name of a machine, see `packing` and `alibaba`; None: all.
        usage: file of the use over time, where that is a file of its own.
    """

    units: Units = field(default_factory=Units)
    machine: str | None = None
    usage: Path | None = None


def read_trace(name: str, path: Path, how: Reading, account: Account, track: Track) -> Trace:
    """Return a trace by the name of its format.

    Raises:
        ValueError: it is not in this format; with the row. Some are read, and refused, only when
            their VMs are asked for.
        OSError: a file cannot be opened.
    """
    if name == "azure-packing-2020":
        return Trace(read_packing(path, how.units, how.machine, account, track))
    if name == "huawei-east-1":
        return Trace(read_huawei(path, account, track))
    if name == "bitbrains":
        found = bitbrains.read_bitbrains(path, account, track)
        return Trace(
            [found.vms],
            lambda names, track: bitbrains.read_use(found, names, track),
            first_time_s=found.first_s,
        )
    if name == "alibaba-2018":
        usage = how.usage
        return Trace(
            alibaba.read_alibaba(path, how.units, how.machine, account, track),
            (lambda names, track: alibaba.read_use(usage, names, track)) if usage else None,
            last_s=alibaba.END_S,
        )
    units = how.units if name == "azure-2019" else None
    return Trace(read_azure(path, units, account, track))
