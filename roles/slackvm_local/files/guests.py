"""Print the guests of this machine as JSON: process, its start, where its vCPUs may run."""

import json
from pathlib import Path


def main() -> None:
    """Look at every QEMU that libvirt has started."""
    guests = {}
    for pidfile in sorted(Path("/run/libvirt/qemu").glob("*.pid")):
        process = Path("/proc") / pidfile.read_text().strip()
        if not process.is_dir() or not pidfile.with_suffix(".xml").exists():
            continue  # libvirt's own pid is there too
        # Field 22 of proc(5)'s stat, counted behind the command's name, which may hold anything
        started = int((process / "stat").read_text().rpartition(")")[2].split()[19])
        pins = {}
        for thread in (process / "task").iterdir():
            name = (thread / "comm").read_text().strip()
            if name.startswith("CPU "):
                status = (thread / "status").read_text()
                pins[name] = status.partition("Cpus_allowed_list:")[2].split()[0]
        guests[pidfile.stem] = {"pid": int(process.name), "started": started, "pins": pins}
    print(json.dumps(guests, sort_keys=True))


main()
