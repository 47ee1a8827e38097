"""The prototype's decisions on two of its recordings, CPU for CPU; README.md tells their source."""

import csv
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from slackvm.model.host import Host
from slackvm.model.vm import VM
from slackvm.topologies import PRESETS, parse_cpu_list

HERE = Path(__file__).parent
HOSTS = {"i7": ("i7-1185g7", 12, 12), "refill": ("epyc-7662", 120, 280)}
KIB_PER_MIB = 1024
"""The prototype reads MiB as KiB: memory never binds."""

VNode = tuple[list[str], list[int], list[int]]


def vnodes(host: Host) -> dict[str, VNode]:
    """Return by level the VMs, the CPUs in order, and those that each VM may use."""
    pins = host.pins()
    return {
        f"{level:g}": (
            list(vnode.vms),
            list(host.cpu_ids(level)),
            sorted(pins[level]) if vnode.vms else [],
        )
        for level, vnode in host.vnodes.items()
    }


@pytest.mark.parametrize("name", HOSTS)
def test_each_timestamp_has_the_prototypes_cpus_and_pins(name: str) -> None:
    preset, vms, states = HOSTS[name]
    topology = PRESETS[preset].build()
    memory_mib = KIB_PER_MIB * topology.memory_mib
    host = Host(replace(topology, memory_mib=memory_mib, memory_total_mib=memory_mib))
    expected: dict[str, VNode] = {}
    with (HERE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["event"] in ("arrives", "refused") for row in rows) == vms
    assert sum(row["event"] == "vnode" for row in rows) == states
    for time, events in groupby(rows, key=lambda row: row["time_s"]):
        for row in events:
            match row["event"]:
                case "arrives" | "refused":
                    size = int(row["vcpus"]), int(row["memory_mib"]), float(row["level"])
                    plan = host.plan_deploy(VM(row["vms"], *size))
                    if row["event"] == "arrives":
                        assert plan.accepted, f"{time} s: {row['vms']}: {plan.refusal}"
                        host.commit(plan)
                    else:
                        assert plan.refusal, f"{time} s: {row['vms']} has a place"
                        assert plan.refusal.code == "no_cpu"
                case "leaves":
                    host.commit(host.plan_remove(row["vms"]))
                case "vnode":
                    expected[row["level"]] = (
                        row["vms"].split(),
                        [int(cpu_id) for cpu_id in row["cpus"].split()],
                        sorted(parse_cpu_list(row["pins"])),
                    )
        assert vnodes(host) == expected, f"at {time} s"
