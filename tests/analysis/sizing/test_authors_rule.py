"""The simulator's sizes of vNodes, kept for a comparison with the published table."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from slackanalysis.commands.cli import cli
from slackanalysis.sizing.authors_rule import needed_cpus, serve_by_authors_rule
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.request_file import write_requests
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM


def cpus(*vms: tuple[int, int]) -> int:
    """Return the CPUs that a host with VMs (vCPUs, level) needs."""
    vcpus, counts = (np.zeros((3, 1), dtype=np.int64) for _ in range(2))
    for size, level in vms:
        vcpus[level - 1] += size
        counts[level - 1] += 1
    return int(needed_cpus(vcpus, counts)[0])


@pytest.mark.parametrize(
    ("vms", "expected"),
    [
        ([(8, 1), (3, 1)], 11),
        ([(8, 3)], 8),  # alone, with all of its vCPUs
        ([(8, 3), (1, 3)], 3),  # no rule of the largest VM
        ([(8, 2), (3, 2)], 6),
        ([(4, 2), (4, 3)], 4),  # pooled at 2, where apart they need 8
        ([(2, 2), (2, 2), (3, 3), (3, 3)], 4),  # apart: 2 + 2; pooled: 5
        ([(1, 1), (4, 2), (4, 3)], 5),
    ],
)
def test_a_host_needs_what_the_simulator_says(vms, expected):
    assert cpus(*vms) == expected


def test_the_first_host_with_room_is_taken_and_given_back():
    vms = [VM("a", 8, 1024, 1.0), VM("b", 8, 1024, 3.0), VM("c", 8, 1024, 3.0), VM("d", 2, 1, 1.0)]
    starts, lives = np.array([0.0, 0, 0, 20]), np.array([10.0, 30, 30, 5])
    (run,) = serve_by_authors_rule([RequestList({}, vms, starts, lives)], HostSize(8, 4096))
    assert run.hosts == 2
    assert run.host.tolist() == [0, 1, 1, 0, 0, 0, 1, 1]
    assert run.gained.tolist() == [8, 8, -2, -8, 2, -2, 2, -8]


def test_size_by_the_authors_rule_says_so_and_other_questions_are_refused(tmp_path):
    requests, hosts = tmp_path / "requests.csv", tmp_path / "hosts.csv"
    vms = [VM(f"vm{n}", 8, 1024, 3.0 if n else 2.0) for n in range(3)]
    write_requests(requests, [RequestList({}, vms, np.zeros(3), np.ones(3))])
    size = ["size", str(requests), "--output", str(hosts), "--size-rule", "authors"]
    done = CliRunner().invoke(cli, [*size, "--policy", "first-fit", "--host-cpus", "8"])
    assert done.exit_code == 0, done.output
    (row,) = pd.read_csv(hosts).to_dict("records")
    # Shared: 16 vCPUs in one pool; 24 do not fit. Apart: 8 vCPUs alone, and 16 at 3:1.
    assert (row["hosts_shared"], row["hosts_separate"], row["size_rule"]) == (2, 2, "authors")
    for more, reason in (
        (["--policy", "progress"], "goes with the policy first-fit, not with progress"),
        (["--policy", "first-fit", "--host", "8:4", "--host", "16:8"], "hosts of one kind"),
        (["--policy", "first-fit", "--hosts", "3"], "smallest number of hosts"),
    ):
        refused = CliRunner().invoke(cli, [*size, *more])
        assert refused.exit_code == 2
        assert reason in refused.stderr


def test_it_does_not_explain_the_shortfall(reference_data, tmp_path):
    """What docs/reproduction.md says of the authors' own lists."""
    output = tmp_path / "hosts.csv"
    requests = str(reference_data / "workloads" / "seed1.csv.gz")
    arguments = ["--policy", "first-fit", "--size-rule", "authors", "--output", str(output)]
    assert CliRunner().invoke(cli, ["size", requests, *arguments]).exit_code == 0
    assert pd.read_csv(output)[["hosts_shared", "hosts_separate"]].sum().tolist() == [1809, 1872]
