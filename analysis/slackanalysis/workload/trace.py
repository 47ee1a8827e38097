"""A host trace made from a seed, in the format of `slackvm.formats.monitoring.record`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np

from slackanalysis.workload.arrivals import Population, fill_host, keep_steady
from slackanalysis.workload.host import Workload
from slackanalysis.workload.usage import UsageBlock, usage_over_time
from slackanalysis.workload.vnode_use import VNodeUse, sum_up
from slackvm.formats.monitoring.record import MEMORY_SUBSET, UNCHANGED, subset_name
from slackvm.formats.monitoring.writing import writing_recording

_IDENTITY_STREAM = 3
_HOST_DECIMALS = 5
_HOST_TAIL = "None\tNone\tNone\tNone\tNone\tNone\n"


@dataclass(frozen=True, slots=True)
class WrittenTrace:
    """What was written.

    Attributes:
        path: the file.
        vms: VMs in it.
        rows: rows, without the header.
        cpus: CPUs that the vNodes own at the last timestamp.
        memory_mib: MiB of the VMs at the last timestamp.
    """

    path: Path
    vms: int
    rows: int
    cpus: int
    memory_mib: int


def write_trace(
    path: Path, workload: Workload, progress: Callable[[int], object] | None = None
) -> WrittenTrace:
    """Write a trace of a host that fills up, as `workload` says.

    Equal workloads give equal bytes. The file appears whole or not at all.

    Args:
        path: the file; its ending `.csv`, `.csv.gz` or `.parquet` decides the format.
        workload: the workload.
        progress: called with the number of timestamps done since the call before.

    Raises:
        ValueError: the ending is unknown, or no VM fits the host.
        OSError: the file cannot be written.
    """
    return _write(path, workload, fill_host(workload), progress)


def write_sized_trace(
    path: Path, workload: Workload, *, steps: int, vms: int, alive: int
) -> WrittenTrace:
    """Write a trace of a wanted size: for benchmarks and tests.

    It has about `steps * (3 + levels + 2 * alive)` rows. With three levels, 1,000 steps, 300 VMs
    and 92 alive give about 190 thousand; 10,000 steps, 3,000 VMs and 157 alive 3.2 million.

    Args:
        path: the file, as for `write_trace`.
        workload: the workload; its duration and load do not count.
        steps: number of timestamps, 2 or more.
        vms: number of VMs in all.
        alive: about how many of them are there at any timestamp.

    Raises:
        ValueError: a number is out of range, or the file's ending is unknown.
        OSError: the file cannot be written.
    """
    sized = replace(workload, duration_s=(steps - 1) * workload.step_s)
    return _write(path, sized, keep_steady(sized, vms, alive), None)


def _write(
    path: Path,
    workload: Workload,
    population: Population,
    progress: Callable[[int], object] | None,
) -> WrittenTrace:
    tails = _Tails(workload, population)
    rows = cpus = memory_mib = 0
    with writing_recording(path) as recording:
        for block in usage_over_time(workload, population):
            use = sum_up(workload, population, block)
            lines = _lines(workload, tails, block, use)
            recording.write(["".join(lines).encode()])
            rows += len(lines)
            cpus, memory_mib = int(use.owned_cpus[-1].sum()), int(use.owned_mib[-1])
            if progress:
                progress(block.stop - block.start)
    return WrittenTrace(path, len(population), rows, cpus, memory_mib)


class _Tails:
    """The ends of rows, from `config` on (rows about a vNode: behind it): they stay the same."""

    def __init__(self, workload: Workload, population: Population) -> None:
        rng = np.random.default_rng([workload.seed, _IDENTITY_STREAM])
        uuids = [str(UUID(bytes=rng.bytes(16), version=4)) for _ in range(len(population))]
        labels = [f"{uuid}\tvm{number:05}" for number, uuid in enumerate(uuids)]
        levels = [workload.levels[index] for index in population.level.tolist()]
        self.vm_cpu = [
            f"\t{vcpus}\t{subset_name(level)}\t{label}\t{level}\tNone\tNone\n"
            for vcpus, level, label in zip(population.vcpus.tolist(), levels, labels, strict=True)
        ]
        self.vm_memory = [
            f"\t{memory_mib}\t{MEMORY_SUBSET}\t{label}\t1\tNone\tNone\n"
            for memory_mib, label in zip(population.memory_mib.tolist(), labels, strict=True)
        ]
        self.subset_cpu = [
            f"\t{subset_name(level)}\tNone\tNone\t{level}\t0\t{UNCHANGED}\n"
            for level in workload.levels
        ]
        self.subset_memory = f"\t{MEMORY_SUBSET}\tNone\tNone\t1\t0\t{UNCHANGED}\n"
        self.host_cpu = f"\t{workload.cpus}\t{_HOST_TAIL}"
        self.host_memory = f"\t{workload.memory_mib}\t{_HOST_TAIL}"


def _lines(workload: Workload, tails: _Tails, block: UsageBlock, use: VNodeUse) -> list[str]:
    """Return the rows of a block, timestamp by timestamp."""
    times = [step * workload.step_s for step in range(block.start, block.stop)]
    cell_times, vms = [times[step] for step in block.step.tolist()], block.vm.tolist()
    vm_cpu = [
        f"{time}\tvm\tcpu\t{value}{tails.vm_cpu[vm]}"
        for time, value, vm in zip(cell_times, block.cpu.tolist(), vms, strict=True)
    ]
    vm_memory = [
        f"{time}\tvm\tmem\t{value}{tails.vm_memory[vm]}"
        for time, value, vm in zip(cell_times, block.memory.tolist(), vms, strict=True)
    ]
    host_cpu = np.round(use.used_cpus.sum(axis=1) / workload.cpus, _HOST_DECIMALS).tolist()
    host_memory = np.round(use.used_mib / workload.memory_mib, _HOST_DECIMALS).tolist()
    used, owned, owned_mib = use.used_cpus.tolist(), use.owned_cpus.tolist(), use.owned_mib.tolist()
    bounds, levels = use.bounds.tolist(), len(workload.levels)
    lines: list[str] = []
    for step, time in enumerate(times):
        first = step * levels
        lines.append(f"{time}\tglobal\tcpu\t{host_cpu[step]}{tails.host_cpu}")
        for level, tail in enumerate(tails.subset_cpu):
            lines.append(f"{time}\tsubset\tcpu\t{used[step][level]}\t{owned[step][level]}{tail}")
            lines += vm_cpu[bounds[first + level] : bounds[first + level + 1]]
        lines.append(f"{time}\tglobal\tmem\t{host_memory[step]}{tails.host_memory}")
        lines.append(
            f"{time}\tsubset\tmem\t{host_memory[step]}\t{owned_mib[step]}{tails.subset_memory}"
        )
        lines += vm_memory[bounds[first] : bounds[first + levels]]
    return lines
