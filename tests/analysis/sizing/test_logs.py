"""One decision code: what `slackvm-analysis size` makes of the logs of a cluster that was live."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from clusters.processes import EPYC, LAPTOP, running
from live.load import put_load
from slackanalysis.commands.cli import cli

TOPOLOGIES = [LAPTOP, EPYC, LAPTOP]
THEIRS = [word for each in TOPOLOGIES for word in ("--topology", each)]


class Past:
    """What is left of a cluster: the logs, and what it reported at its end."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "decisions.csv"
        with running(folder, TOPOLOGIES) as cluster:
            for number in range(40):
                cluster.controller.deploy(f"one{number}", 1 + number % 5, 1.0 + number % 3)
                if number % 4 == 3:
                    cluster.controller.remove(f"one{number - 2}")
            put_load(cluster.controller.url, clients=4, lasting_s=4)
            cluster.controller.wait_ready(3)
            self.vms: dict[str, Any] = cluster.controller.vms()
            self.hosts = {name: host.get("/v1/host") for name, host in cluster.by_name.items()}
            self.controller = cluster.controller.operations
            self.of_hosts = [host.operations for host in cluster.hosts]

    def size(self, *more: str, logs: list[Path] | None = None) -> Result:
        arguments = [str(log) for log in logs or [self.controller, *self.of_hosts]]
        command = ["size", *arguments, *THEIRS, "--output", str(self.output), *more]
        return CliRunner().invoke(cli, command)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return Past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def altered(tmp_path: Path) -> Any:
    """Returns a log like another one, but for an entry that was altered."""

    def alter(log: Path, fits: Any, change: Any) -> Path:
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        change([entry for entry in entries if fits(entry)][-1])
        result = tmp_path / "altered.jsonl"
        result.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        return result

    return alter


def test_every_vm_is_on_the_same_host_and_the_same_cpus(past: Past) -> None:
    result = past.size()
    assert result.exit_code == 0, result.output
    table = pd.read_csv(past.output, keep_default_na=False)
    accepted = table[table["outcome"] == "accepted"]
    placed = accepted[accepted["op"] == "reserve"]
    assert len(placed) > 50
    assert dict(zip(placed["name"], placed["host"], strict=True)).items() >= {
        (name, vm["host"]) for name, vm in past.vms.items()
    }
    for (name, host), log in zip(past.hosts.items(), past.of_hosts, strict=True):
        assert str(log) in set(accepted["log"]), name
        owned: dict[str, list[int]] = {}
        for row in accepted[accepted["log"] == str(log)].itertuples():
            for level, cpus in json.loads(row.gains).items():
                owned.setdefault(level, []).extend(cpus)
            for level, cpus in json.loads(row.loses).items():
                owned[level] = [cpu for cpu in owned[level] if cpu not in cpus]
        message = {level: vnode["cpu_list"] for level, vnode in host["levels"].items()}
        assert owned == message, name


def test_logs_of_hosts_alone_and_of_the_controller_alone_will_do(past: Past) -> None:
    assert past.size(logs=past.of_hosts).exit_code == 0
    assert past.size(logs=[past.controller]).exit_code == 0


def test_a_host_that_was_never_asked_for_anything_has_no_decisions(tmp_path: Path) -> None:
    log, output = tmp_path / "host.jsonl", tmp_path / "decisions.csv"
    log.touch()
    command = ["size", str(log), "--topology", "epyc-7662", "--output", str(output)]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{output}: 0 rows\n"
    assert output.read_text().startswith("log,seq,time,op,name,vcpus")


def test_an_altered_placement_is_found(past: Past, altered: Any) -> None:
    def elsewhere(entry: dict[str, Any]) -> None:
        entry["host"] = "host0" if entry["host"] == "host2" else "host2"

    log = altered(
        past.controller, lambda e: (e["op"], e["outcome"]) == ("reserve", "accepted"), elsewhere
    )
    result = past.size(logs=[log, *past.of_hosts])
    assert result.exit_code == 1
    assert "decided otherwise: seq" in result.output
    assert "host 'host" in result.output


def test_an_altered_cpu_is_found(past: Past, altered: Any) -> None:
    def another(entry: dict[str, Any]) -> None:
        [(level, cpus), *_] = entry["gains"].items()
        entry["gains"][level] = [*cpus[:-1], cpus[-1] ^ 1]

    log = altered(past.of_hosts[0], lambda e: bool(e["gains"]), another)
    result = past.size(logs=[past.controller, log, *past.of_hosts[1:]])
    assert result.exit_code == 1
    assert f"{log}: decided otherwise: seq" in result.output
    assert "gains" in result.output


def test_a_vm_that_only_one_log_knows_is_found(past: Past, tmp_path: Path) -> None:
    lines = past.of_hosts[0].read_text().splitlines(keepends=True)
    while json.loads(lines[-1])["outcome"] != "accepted":
        lines.pop()
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(lines[:-1]))
    result = past.size(logs=[past.controller, cut])
    assert result.exit_code == 1
    assert f"{cut}: VMs only in this log or only in the controller's" in result.output


def test_another_policy_decides_otherwise(past: Past) -> None:
    result = past.size("--policy", "first-fit")
    assert result.exit_code == 1
    assert "decided otherwise" in result.output


def test_no_function_that_a_log_names_is_run(past: Past, altered: Any) -> None:
    def hostile(entry: dict[str, Any]) -> None:
        entry["policy"] = "os:_exit"

    log = altered(past.controller, lambda e: e["op"] == "start", hostile)
    result = past.size(logs=[log])
    assert result.exit_code == 2
    assert "policy 'os:_exit' is not a name; give the policy" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["LOG", "--topology", LAPTOP], "the log has 3 hosts, and topologies are given of 1"),
        (["LOG", *["--topology", EPYC] * 3], "has 8 CPUs and 31776 MiB; its topology has 232"),
        (["LOG", "COPY", *THEIRS], "a second log of a controller"),
        (["LOG", "--host-cpus", "3"], "--host-cpus goes with request lists"),
        (["LOG", "--policy", "progress", "--policy", "first-fit"], "compared with one policy"),
        (["CUT", "--topology", LAPTOP], "the line is cut or damaged"),
        (
            ["HOST", "--topology", EPYC, "--policy", "first-fit"],
            "needs the log of a controller, and none is given",
        ),
        (["HOST"], "logs of 1 hosts are given, topologies of 0"),
        (["LOG", "--topology", "nonesuch"], "no preset of that name"),
        (["LOG", "--selection", "nonesuch"], "nonesuch"),
    ],
)
def test_what_does_not_go_together_is_refused(
    past: Past, tmp_path: Path, arguments: list[str], message: str
) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(past.of_hosts[0].read_bytes()[:-9])
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(past.controller.read_bytes())
    known = {
        "COPY": str(copy),
        "LOG": str(past.controller),
        "HOST": str(past.of_hosts[0]),
        "CUT": str(cut),
    }
    output = tmp_path / "decisions.csv"
    command = ["size", *[known.get(each, each) for each in arguments], "--output", str(output)]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.split())
    assert not output.exists()
