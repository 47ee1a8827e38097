"""The decisions of the prototype, CPU for CPU, on its own recordings."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from command import slackvm_local
from recordings import vnodes_by_time

RECORDINGS = {
    "golden_i7": ("topology_i7-1185G7.json", {"no_cpu": 4}),
    "golden_refill": ("topology_EPYC-7662-exp.json", {}),
    "golden_full": ("topology_EPYC-7662-exp.json", {"no_cpu": 112}),
}


def golden(folder: Path, name: str) -> Path:
    return next(folder.glob(f"{name}*"))


def expected_vnodes(file: Path) -> dict[int, dict[str, tuple[list[int], list[str], list[int]]]]:
    """Return per timestamp and vNode the CPUs in order, the VMs, and the CPUs of each VM."""
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    expected: dict[int, dict[str, tuple[list[int], list[str], list[int]]]] = {}
    for line in text.splitlines():
        entry = json.loads(line)
        if entry.get("res", "cpu") != "cpu":
            continue
        pin = entry["pin"]
        if pin and isinstance(pin[0], list):
            assert all(each == pin[0] for each in pin)
            pin = pin[0]
        vnode = entry["ids"], entry["vms"], pin
        expected.setdefault(entry["tmp"], {})[entry["subset"]] = vnode
    return expected


@pytest.mark.parametrize("name", RECORDINGS)
def test_each_timestamp_has_the_prototypes_cpus_and_pins(
    name: str, reference_data: Path, tmp_path: Path
) -> None:
    """The prototype reads MiB as KiB, so its memory is given 1024 times what it has."""
    topology_name, refused = RECORDINGS[name]
    topology = json.loads((reference_data / "topologies" / topology_name).read_text())
    topology["memset"] = {key: 1024 * mib for key, mib in topology["memset"].items()}
    roomy = tmp_path / "roomy.json"
    roomy.write_text(json.dumps(topology))
    output = tmp_path / "monitoring.csv"

    summary = slackvm_local(
        f"--topology={roomy}",
        f"--load={golden(reference_data / 'golden', f'{name}.trace')}",
        "--order=prototype",
        f"--output={output}",
        "--json",
    )

    assert json.loads(summary.stdout)["refused"] == refused
    expected = expected_vnodes(golden(reference_data / "golden", f"{name}.decisions"))
    replayed = vnodes_by_time(output)
    assert {time: vnodes for time, vnodes in replayed.items() if vnodes} == expected


@pytest.mark.parametrize(
    ("order", "refused_for_memory"),
    [("prototype", ["300 s: vm00005", "330 s: vm00000"]), ("strict", ["300 s: vm00005"])],
)
def test_memory_binds_on_the_true_host(
    order: str, refused_for_memory: list[str], reference_data: Path
) -> None:
    result = slackvm_local(
        f"--topology={reference_data / 'topologies' / 'topology_i7-1185G7.json'}",
        f"--load={reference_data / 'golden' / 'golden_i7.trace.csv'}",
        f"--order={order}",
    )
    lines = [line for line in result.stderr.splitlines() if "no_memory" in line]
    assert [line.partition(" (")[0] for line in lines] == refused_for_memory


def test_the_prototypes_own_recording_loads(reference_data: Path, tmp_path: Path) -> None:
    """It holds whole objects; VMs of which it has memory rows only are skipped and counted."""
    output = tmp_path / "monitoring.csv"
    result = slackvm_local(
        f"--topology={reference_data / 'topologies' / 'topology_i7-1185G7.json'}",
        f"--load={reference_data / 'golden' / 'golden_i7.monitoring.csv'}",
        "--order=prototype",
        f"--output={output}",
        "--json",
    )
    summary = json.loads(result.stdout)
    assert sorted(summary["skipped"]) == ["vm00007", "vm00009", "vm00011"]
    recorded = expected_vnodes(golden(reference_data / "golden", "golden_i7.decisions"))
    replayed = vnodes_by_time(output)
    assert Counter(str(vnodes) for vnodes in replayed.values() if vnodes) == Counter(
        str(vnodes) for vnodes in recorded.values()
    )
