"""The demo, from nothing to a cluster that is still there and Fig. 3 of each host."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import requests

from command import slackvm_local
from waiting import wait_until

HOSTS = {"epyc-a": "epyc-7662", "epyc-b": "epyc-7662", "laptop": "i7-1185g7"}
DEMO = [sys.executable, "-m", "slackanalysis.demo"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """Folder of a demo, what it has printed, and the URL of the cluster that it leaves running."""
    folder = tmp_path_factory.mktemp("demo")
    command = [*DEMO, "--keep"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        message = ""
        for line in process.stdout:
            message += line
            if "The cluster's page:" in line:
                break
        assert "The cluster's page:" in message, message
        yield folder / "demo", message, message.rpartition("page: ")[2].split()[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_it_says_what_is_simulated(kept: tuple[Path, str, str]) -> None:
    assert "SIMULATED: VMs of this demo have no guests and their use is made up" in kept[1]


def test_vms_of_three_levels_are_deployed_on_all_hosts(kept: tuple[Path, str, str]) -> None:
    folder, _, url = kept
    placed = [
        json.loads(line)
        for host in HOSTS
        for line in (folder / host / "state" / "operations.jsonl").read_text().splitlines()
    ]
    accepted = [entry for entry in placed if entry["outcome"] == "accepted"]
    deployed = [entry for entry in accepted if entry["op"] == "deploy"]
    assert len(deployed) >= 150
    assert {entry["level"] for entry in deployed} == {1.0, 2.0, 3.0}
    assert {entry["host"] for entry in deployed} == set(HOSTS)
    removed = [entry for entry in accepted if entry["op"] == "remove"]
    assert len(removed) > 50
    left = len(deployed) - len(removed)
    wait_until(lambda: len(requests.get(f"{url}v1/vms", timeout=60).json()["vms"]) == left)


def test_the_kept_cluster_knows_its_hosts(kept: tuple[Path, str, str]) -> None:
    def are_ready() -> bool:
        hosts = requests.get(f"{kept[2]}v1/hosts", timeout=60).json()["hosts"]
        return [(host["name"], host["state"]) for host in hosts] == [(n, "ready") for n in HOSTS]

    wait_until(are_ready)


@pytest.mark.parametrize("host", HOSTS)
def test_the_figure_of_a_host_shows_its_vnodes(host: str, kept: tuple[Path, str, str]) -> None:
    folder = kept[0] / host
    vnodes = pd.read_csv(folder / "vnode_evolution.csv")
    assert vnodes["time_s"].max() - vnodes["time_s"].min() > 10_000
    lines = (folder / "state" / "operations.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in lines]
    owned: dict[str, int] = {}
    for entry in log:
        for level in entry["gains"]:
            owned[level] = owned.get(level, 0) + len(entry["gains"][level])
        for level in entry["loses"]:
            owned[level] = owned[level] - len(entry["loses"][level])
    last = vnodes[vnodes["time_s"] == vnodes["time_s"].max()]
    assert {str(row.level): row.owned_cpus for row in last.itertuples()} == owned
    assert (folder / "vnode_evolution.pdf").is_file()
    assert (folder / "vnode_evolution.png").is_file()


def test_an_altered_decision_is_found(kept: tuple[Path, str, str], tmp_path: Path) -> None:
    """The log of a host as it is proves every decision; with one CPU exchanged it does not."""
    log = kept[0] / "epyc-a" / "state" / "operations.jsonl"
    slackvm_local("--topology=epyc-7662", f"--load={log}")
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    chosen = next(entry for entry in entries[50:] if entry["gains"])
    [(level, cpu_ids)] = chosen["gains"].items()
    chosen["gains"] = {level: [*cpu_ids[:-1], cpu_ids[-1] ^ 1]}
    altered = tmp_path / "operations.jsonl"
    altered.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    result = slackvm_local("--topology=epyc-7662", f"--load={altered}", expect=1)
    assert f"seq {chosen['seq']} (deploy {chosen['name']})" in result.stderr


def test_a_folder_with_other_files_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    result = subprocess.run(
        [*DEMO, "--output", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "holds files that no demo has made" in result.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_it_says_what_was_compared_and_what_was_not(kept: tuple[Path, str, str]) -> None:
    """Of recordings only what they hold: not which CPUs a vNode has."""
    assert "from each operations log: every decision is the same, CPU for CPU" in kept[1]
    assert "each vNode has as many CPUs at every sample" in kept[1]
    assert "Which CPUs is not compared there" in kept[1]
    for host in HOSTS:
        message = []
        # The cluster that goes on records from the start, and has moved the compared files aside.
        for name in ("monitoring.csv.1", "replayed.csv"):
            table = pd.read_csv(kept[0] / host / name, sep="\t", keep_default_na=False)
            of_cpus = table[(table["res"] == "cpu") & (table["config"] > 0)]
            columns = ["tmp", "rec", "subset", "vm_uuid", "config"]
            message.append(set(of_cpus[columns].itertuples(index=False, name=None)))
        assert message[0] == message[1]
