"""The use of VMs over time as a recording: means over steps of equal length."""

from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from slackanalysis.progress import Track
from slackanalysis.traces.account import Account
from slackanalysis.traces.vms import Chosen
from slackvm.formats.monitoring.record import MEMORY_SUBSET, subset_name
from slackvm.formats.monitoring.writing import writing_recording

MOST_CELLS = 1 << 28
"""VMs times timestamps that are held at once; a cell takes 12 bytes."""

_DECIMALS = 5


@dataclass(frozen=True)
class Samples:
    """Uses that were measured; every array has shape (samples,).

    Attributes:
        names: the VM of each.
        time_s: when it was measured, in seconds of the trace.
        cpu: share of the VM's CPUs; more than 1 is taken as 1.
        memory: share of its memory.
    """

    names: NDArray[np.object_]
    time_s: NDArray[np.float64]
    cpu: NDArray[np.float64]
    memory: NDArray[np.float64]


class UseOverTime:
    """What chosen VMs used, as means over steps of equal length.

    Args:
        chosen: the VMs and the window; samples of others are ignored.
        step_s: seconds from one timestamp to the next.

    Raises:
        ValueError: there are too many VMs and timestamps.
    """

    def __init__(self, chosen: Chosen, step_s: int) -> None:
        self._table = chosen.table
        self._start_s, self._step_s = chosen.start_s, step_s
        self._steps = int(np.ceil((chosen.end_s - chosen.start_s) / step_s))
        cells = len(self._table) * self._steps
        if cells > MOST_CELLS:
            raise ValueError(
                f"recording: {len(self._table):,} VMs at {self._steps:,} timestamps are more than "
                f"{MOST_CELLS:,} values; see --window, --sample and --step"
            )
        self._index = {name: index for index, name in enumerate(self._table["vm"])}
        shape = len(self._table), self._steps
        self._cpu, self._memory = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._count = np.zeros(shape, np.uint32)

    def add(self, samples: Samples) -> None:
        """Take samples, in any order."""
        which = np.array([self._index.get(name, -1) for name in samples.names], dtype=np.int64)
        step = np.floor((samples.time_s - self._start_s) / self._step_s).astype(np.int64)
        taken = (which >= 0) & (step >= 0) & (step < self._steps)
        cells = which[taken], step[taken]
        np.add.at(self._cpu, cells, np.clip(samples.cpu[taken], 0, 1).astype(np.float32))
        np.add.at(self._memory, cells, np.maximum(samples.memory[taken], 0).astype(np.float32))
        np.add.at(self._count, cells, np.uint32(1))

    def write(self, path: Path, first_time_s: int, account: Account, track: Track) -> int:
        """Write the recording; it has rows of VMs only, for no host is known.

        A VM is there from its first sample to its last; where it has none between, its use is as
        at the timestamp before.

        Args:
            path: the file, `.csv`, `.csv.gz` or `.parquet`.
            first_time_s: what 0 s of the trace is in the recording.
            account: counts what was filled and dropped.
            track: shows how many timestamps are written.

        Returns:
            The number of rows.

        Raises:
            ValueError: there is no use of any of the VMs, or the file's ending is unknown.
            OSError: the file cannot be written.
        """
        measured = self._count > 0
        has_use = measured.any(axis=1)
        account.add("dropped", "no use of it: not in the recording", int((~has_use).sum()))
        if not has_use.any():
            raise ValueError("recording: the trace has no use of any VM that was chosen")
        first = np.where(has_use, measured.argmax(axis=1), self._steps)
        last = self._steps - 1 - measured[:, ::-1].argmax(axis=1)
        cpu_rows, memory_rows = self._ends_of_rows()
        latest = np.zeros((2, len(self._table)))
        rows = holes = 0
        advance = track("writing the recording", self._steps)
        with writing_recording(path) as recording:
            for step in range(self._steps):
                new = np.flatnonzero(measured[:, step])
                for values, sums in zip(latest, (self._cpu, self._memory), strict=True):
                    means = sums[new, step].astype(np.float64) / self._count[new, step]
                    values[new] = np.round(means, _DECIMALS)
                vms = np.flatnonzero((first <= step) & (step <= last))
                holes += len(vms) - len(new)
                time = first_time_s + int(self._start_s) + step * self._step_s
                cpu, memory = (values[vms].tolist() for values in latest)
                lines = [
                    f"{time}\tvm\t{resource}\t{use}{ends[vm]}"
                    for resource, ends, uses in (
                        ("cpu", cpu_rows, cpu),
                        ("mem", memory_rows, memory),
                    )
                    for vm, use in zip(vms.tolist(), uses, strict=True)
                ]
                recording.write(["".join(lines).encode()])
                rows += len(lines)
                advance(1)
        account.add("filled", "no use measured: as at the timestamp before", holes, "values")
        return rows

    def _ends_of_rows(self) -> tuple[list[str], list[str]]:
        """Return the ends of each VM's rows, from `config` on: about CPUs, about memory."""
        cpu, memory = [], []
        columns = (self._table[name] for name in ("vm", "vcpus", "memory_mib", "level"))
        for name, vcpus, mib, level in zip(*columns, strict=True):
            label = f"{uuid5(NAMESPACE_URL, name)}\t{name}"
            cpu.append(f"\t{vcpus}\t{subset_name(level)}\t{label}\t{level}\tNone\tNone\n")
            memory.append(f"\t{mib}\t{MEMORY_SUBSET}\t{label}\t1\tNone\tNone\n")
        return cpu, memory
