"""Write the decisions of the prototype's recordings in a form of our own.

`PYTHONPATH=tests python -m prototype.convert FOLDER`, FOLDER is the reference data. The result is
kept beside this file; README.md says what it holds.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slackvm.formats.monitoring.trace import read_trace
from slackvm.topologies import format_cpu_list

COLUMNS = ("time_s", "event", "vms", "level", "vcpus", "memory_mib", "cpus", "pins")
NAMES = {"i7": "golden_i7", "refill": "golden_refill"}


def rows(folder: Path, recording: str) -> Iterable[tuple[object, ...]]:
    """Yield the rows of a recording: arrivals, departures, and vNodes that have changed."""
    [trace_file] = folder.glob(f"{recording}.trace.*")
    [decisions_file] = folder.glob(f"{recording}.decisions.*")
    trace = read_trace(trace_file)
    vnodes = _vnodes(decisions_file)
    placed = {name for at in vnodes.values() for _, names, _ in at.values() for name in names}
    times = [int(time) for time in trace.rows.times]
    before: dict[str, tuple[str, str, str]] = {}
    for step, time in enumerate(times):
        for presence in trace.presences:
            vm = presence.vm
            size = (f"{vm.level:g}", vm.vcpus, vm.memory_mib)
            if presence.first_step == step:
                yield time, "arrives" if vm.name in placed else "refused", vm.name, *size, "", ""
        for presence in trace.presences:
            if presence.last_step + 1 == step and presence.vm.name in placed:
                yield time, "leaves", presence.vm.name, "", "", "", "", ""
        now = vnodes.get(time, {})
        for level in sorted(before.keys() | now.keys(), key=float):
            vnode = now.get(level, ([], [], []))
            texts = (
                " ".join(vnode[1]),
                " ".join(map(str, vnode[0])),
                format_cpu_list(sorted(vnode[2])),
            )
            if texts != before.get(level, ("", "", "")):
                yield time, "vnode", texts[0], level, "", "", texts[1], texts[2]
            before[level] = texts


def _vnodes(file: Path) -> dict[int, dict[str, tuple[list[int], list[str], list[int]]]]:
    """Return the vNodes with VMs by time and level: CPUs in order, VMs, CPUs that VMs may use."""
    content = file.read_bytes()
    found: dict[int, dict[str, tuple[list[int], list[str], list[int]]]] = {}
    for line in (gzip.decompress(content) if file.suffix == ".gz" else content).splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry.get("res", "cpu") == "cpu":
            level = f"{float(entry['subset'].removeprefix('subset-')):g}"
            pin = entry["pin"]
            pins = pin[0] if pin and isinstance(pin[0], list) else pin
            found.setdefault(entry["tmp"], {})[level] = (entry["ids"], entry["vms"], pins)
    return found


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1]) / "golden"
    for name, recording in NAMES.items():
        with (Path(__file__).parent / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows(folder, recording))


if __name__ == "__main__":
    main()
