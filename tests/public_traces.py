"""Made-up files in the published schemas of public traces."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

BITBRAINS_HEADER = ";\t".join(
    [
        *("Timestamp [ms]", "CPU cores", "CPU capacity provisioned [MHZ]", "CPU usage [MHZ]"),
        *("CPU usage [%]", "Memory capacity provisioned [KB]", "Memory usage [KB]"),
        *("Disk read throughput [KB/s]", "Disk write throughput [KB/s]"),
        *("Network received throughput [KB/s]", "Network transmitted throughput [KB/s]"),
    ]
)
BITBRAINS_START = 1_376_314_846
MONTH_S = 30 * 86_400


def azure(path: Path, vms: int, *, buckets: bool = False) -> Path:
    """Write a `vmtable.csv`, gzipped where its name says so."""
    rng = np.random.default_rng(3)
    start, end = _times(rng, vms)
    cores = rng.choice(["2", "4", "8", ">24"] if buckets else ["1", "2", "4", "8"], vms)
    memory = rng.choice(["4", "8", "32", ">64"] if buckets else ["0.75", "1.75", "3.5", "7"], vms)
    lines = [
        f"{number:032x},s{number % 7},d{number % 31},{start[number]},{end[number]},"
        f"91.5,12.25,40.75,Interactive,{cores[number]},{memory[number]}\n"
        for number in range(vms)
    ]
    text = "".join(lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def packing(path: Path, vms: int) -> Path:
    """Write a database in which every eighth VM has no end, and a tenth starts before 0."""
    rng = np.random.default_rng(4)
    start, end = (times / 86_400 for times in _times(rng, vms))
    start -= np.where(np.arange(vms) % 10 == 0, 40.0, 0.0)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE vm (vmId int, tenantId int, vmTypeId int, priority int, starttime real, "
            "endtime real)"
        )
        database.execute(
            "CREATE TABLE vmType (id int, vmTypeId int, machineId int, core real, memory real, "
            "hdd real, ssd real, nic real)"
        )
        sizes = [(1 / 32, 1 / 64), (1 / 16, 1 / 32), (0.125, 0.125), (0.25, 0.2)]
        database.executemany(
            "INSERT INTO vmType VALUES (?, ?, ?, ?, ?, 0, 0, 0)",
            [
                (kind + 10 * machine, kind, machine, core / (machine + 1), memory / (machine + 1))
                for machine in range(2)
                for kind, (core, memory) in enumerate(sizes)
            ],
        )
        database.executemany(
            "INSERT INTO vm VALUES (?, ?, ?, ?, ?, ?)",
            [
                (vm, vm % 9, vm % 4, vm % 2, start[vm], None if vm % 8 == 0 else end[vm])
                for vm in range(vms)
            ],
        )
    return path


def huawei(path: Path, vms: int) -> Path:
    """Write events of VMs, every eighth of which is never deleted."""
    rng = np.random.default_rng(5)
    start, end = _times(rng, vms)
    sizes = [(1, 1), (1, 2), (2, 4), (4, 8)]
    events = []
    for vm in range(vms):
        cpu, memory = sizes[vm % 4]
        events.append((int(start[vm]), f"{vm},{cpu},{memory},{start[vm]},0\n"))
        if vm % 8:
            events.append((int(end[vm]), f"{vm},{cpu},{memory},{end[vm]},1\n"))
    lines = [line for _, line in sorted(events, key=lambda event: event[0])]
    path.write_text("".join(["vmid,cpu,memory,time,type\n", *lines]))
    return path


def bitbrains(folder: Path, vms: int) -> Path:
    """Write a folder of VMs with four rows each."""
    folder.mkdir(parents=True)
    for vm in range(1, vms + 1):
        first = BITBRAINS_START + 300 * (vm % 50)
        rows = [
            f"{first + 300 * row};\t{1 + vm % 4};\t2600.0;\t13.0;\t{row * 10.5};\t4194304.0;\t"
            f"{1048576.0 * row};\t0.0;\t1.5;\t0.0;\t2.0"
            for row in range(4)
        ]
        (folder / f"{vm}.csv").write_text("\n".join([BITBRAINS_HEADER, *rows, ""]))
    return folder


def alibaba(folder: Path, containers: int) -> Path:
    """Write `container_meta.csv` and `container_usage.csv`; every fourth container is stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    meta, usage = [], []
    for number in range(containers):
        name = f"c_{number},m_{number % 40}"
        times = [number % 6000, 300_000, 340_000 + number % 700]
        for event, time in enumerate(times):
            status = "stopped" if event == 2 and number % 4 == 0 else "started"
            meta.append(f"{name},{time},app_{number % 9},{status},400,400,1.5625\n")
        usage += [
            f"{name},{7000 + 10 * sample},{number % 90},{20 + sample},1.5,0.1,2,0.0,0.0,3\n"
            for sample in range(3)
        ]
    (folder / "container_meta.csv").write_text("".join(meta))
    (folder / "container_usage.csv").write_text("".join(usage))
    return folder / "container_meta.csv"


def _times(rng: np.random.Generator, vms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends in whole seconds: many short lives in a month."""
    start = rng.integers(0, MONTH_S - 86_400, vms)
    return start, start + 300 * rng.integers(1, 200, vms)
