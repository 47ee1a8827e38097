"""Recording samples in a file, which is renamed before it grows too large."""

from collections.abc import Iterator
from pathlib import Path

from schedulerlocal.hypervisor import RUNNING
from schedulerlocal.telemetry.sampler import DECIMALS, Sample, VMUse, cpus_used
from slackvm.formats.monitoring.record import HEADER, UNCHANGED, Kind, description, row_line, waited

LARGEST_FILE = 256 << 20
"""Bytes after which a new file is started."""
KEPT = 4
"""Number of renamed files that are kept; `NAME.1` is the newest."""


class Recorder:
    """A recording that grows by one block of rows per sample.

    Each file is a complete recording. An existing file is renamed first.

    Args:
        path: the file, CSV.
        cpus: CPUs of the host.
        memory_mib: MiB of the host.
        largest: bytes after which a new file is started.
    """

    def __init__(self, path: Path, cpus: int, memory_mib: int, largest: int = LARGEST_FILE) -> None:
        self._path = path
        self._capacity = cpus, memory_mib
        self._largest = largest
        self._described: dict[float, str] = {}
        self._last = -1
        path.parent.mkdir(parents=True, exist_ok=True)
        self._start_file()

    def record(self, sample: Sample) -> None:
        """Append a sample; of several in one second, the first is kept.

        Raises:
            OSError: it cannot be written.
        """
        time = int(sample.time)
        if time <= self._last:
            return
        if self._file.tell() > self._largest:
            self._file.close()
            self._start_file()
        self._file.write(b"".join(self._rows(sample, time)))
        self._file.flush()
        self._last = time

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _start_file(self) -> None:
        if self._path.exists():
            for number in range(KEPT, 0, -1):
                newer = self._renamed(number - 1) if number > 1 else self._path
                if newer.exists():
                    newer.replace(self._renamed(number))
        self._file = self._path.open("wb")
        self._file.write(HEADER)
        self._file.flush()
        self._described = {}

    def _renamed(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _rows(self, sample: Sample, time: int) -> Iterator[bytes]:
        cpus, memory_mib = self._capacity
        view = sample.view
        members = sample.vnodes
        yield row_line(Kind.GLOBAL_CPU, time, sample.host_cpu, cpus)
        for level, vnode in view.vnodes.items():
            uses = members[level]
            names = [use.vm.name for use in uses]
            described = description(vnode.cpu_list, names, vnode.pin_list)
            is_new = self._described.get(level) != described
            self._described[level] = described
            yield row_line(
                Kind.SUBSET_CPU,
                time,
                cpus_used(uses),
                vnode.owned,
                level=level,
                description=described if is_new else UNCHANGED,
            )
            for use in uses:
                vm = use.vm.uuid, use.vm.name
                yield row_line(
                    Kind.VM_CPU,
                    time,
                    use.cpu,
                    use.vm.vcpus,
                    level=level,
                    vm=vm,
                    description=_waited(use),
                )
        yield row_line(Kind.GLOBAL_MEM, time, sample.host_memory, memory_mib)
        if view.vnodes:
            owned = sum(vnode.memory_mib for vnode in view.vnodes.values())
            all_uses = [use for uses in members.values() for use in uses]
            used_mib = sum(use.memory * use.vm.memory_mib for use in all_uses)
            share = round(used_mib / memory_mib, DECIMALS)
            yield row_line(Kind.SUBSET_MEM, time, share, owned)
            for use in all_uses:
                vm = use.vm.uuid, use.vm.name
                yield row_line(Kind.VM_MEM, time, use.memory, use.vm.memory_mib, vm=vm)


def _waited(use: VMUse) -> str:
    """Return a VM's waiting time as its row has it; nothing if it does not run."""
    if use.wait is None or use.vm.state != RUNNING:
        return UNCHANGED
    return waited(use.wait)
