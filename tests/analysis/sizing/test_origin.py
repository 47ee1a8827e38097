"""Tables of sizings say which hosts, lists and code they come from."""

import dataclasses
import gzip
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from slackanalysis.commands.cli import cli
from slackanalysis.sizing.origin import code_sha256
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import GENERATOR, Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import read_requests, write_requests
from slackvm import __version__

ORIGIN = ["list_sha256", "host_cpus", "host_memory_mib", "slackvm_version", "code_sha256"]


def run(*arguments: object) -> None:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def generated(seed: int = 1):
    return request_list(Demand(CATALOGUES["azure2017"], parse_mix("50-0-50"), 20, seed=seed))


def test_the_generator_makes_the_lists_that_its_version_stands_for():
    """If this fails on purpose, raise the version of `GENERATOR`, and mend both."""
    assert GENERATOR == "slackanalysis.workload.demand 1"
    assert generated().sha256 == "a595b017dc5e155dc844b0e13c00390e0fd1ff18e49ffef93e9e7650dbb133e0"


def test_a_list_is_identified_by_its_requests_and_not_by_its_format(tmp_path):
    ours = generated()
    write_requests(tmp_path / "a.csv", [ours])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    write_requests(tmp_path / "c.parquet", [ours])
    read = [read_requests(tmp_path / name)[0] for name in ("a.csv", "b.csv.gz", "c.parquet")]
    assert {each.sha256 for each in read} == {ours.sha256}


@pytest.mark.parametrize("what", ["vcpus", "memory_mib", "level", "start_s", "lifetime_s", "order"])
def test_a_list_is_another_one_when_anything_is_asked_for_otherwise(what):
    ours = generated()
    vms, start_s, lifetime_s = list(ours.vms), ours.start_s.copy(), ours.lifetime_s.copy()
    if what == "order":
        other = next(i for i, vm in enumerate(vms) if vm.vcpus != vms[0].vcpus)
        vms[0], vms[other] = vms[other], vms[0]
    elif what in ("start_s", "lifetime_s"):
        (start_s if what == "start_s" else lifetime_s)[-1] += 0.5
    else:
        changed = {"vcpus": 7, "memory_mib": 77, "level": 1.001}[what]
        vms[0] = dataclasses.replace(vms[0], **{what: changed})
    changed = dataclasses.replace(ours, vms=vms, start_s=start_s, lifetime_s=lifetime_s)
    assert changed.sha256 != ours.sha256


def test_size_tells_hosts_list_and_code(tmp_path):
    requests, hosts = tmp_path / "requests.csv", tmp_path / "hosts.csv"
    write_requests(requests, [generated(1)])
    size = ["--host-cpus", 64, "--host-memory-mib", 262144]
    run("size", requests, "--output", hosts, "--policy", "first-fit", *size)
    (row,) = pd.read_csv(hosts)[ORIGIN].to_dict("records")
    assert row == {
        "list_sha256": generated(1).sha256,
        "host_cpus": 64,
        "host_memory_mib": 262144,
        "slackvm_version": __version__,
        "code_sha256": code_sha256("first-fit"),
    }


def test_a_sweep_tells_how_its_lists_were_generated(tmp_path):
    output = tmp_path / "sweep.csv"
    asked = ["--catalogue", "azure2017", "--mix", "50-0-50", "--vms", 20, "--seeds", "1-2"]
    asked += ["--policy", "first-fit", "--policy", "progress"]
    run("sweep", "--output", output, *asked, "--jobs", 1)
    table = pd.read_csv(output)
    assert table["list_sha256"].tolist() == [generated(seed).sha256 for seed in (1, 1, 2, 2)]
    assert set(table["temporality"]) == {"360,8640,7"}
    assert set(table["generator"]) == {GENERATOR}
    assert set(table["catalogue_sha256"]) == {CATALOGUES["azure2017"].sha256}
    assert set(table["host_cpus"]) == {32}


def test_the_code_of_a_policy_of_ones_own_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine_a", "mine_b"):
        scores = "-candidates.memory_free_mib.astype(float)"
        text = f"# {name}\ndef policy(candidates):\n    return {scores}\n"
        Path(f"{name}.py").write_text(text)
    digests = {code_sha256(f"{name}:policy") for name in ("mine_a", "mine_b")}
    assert len(digests | {code_sha256("first-fit")}) == 3
    assert code_sha256("first-fit") == code_sha256("progress")


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("code_sha256", []),
        ("time_s", ["--timeline", "t.csv"]),
        ("code", ["--hosts", "200"]),
        ("code", ["--hosts", "200", "--refusals", "r.csv"]),
    ],
)
def test_a_key_of_a_list_that_is_named_like_a_result_is_refused(
    tmp_path, monkeypatch, key, options
):
    monkeypatch.chdir(tmp_path)
    write_requests(Path("requests.csv"), [dataclasses.replace(generated(), keys={key: "x"})])
    result = CliRunner().invoke(cli, ["size", "requests.csv", "--output", "h.csv", *options])
    assert result.exit_code == 2
    assert f"column {key} cannot tell lists apart" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["requests.csv"]
    assert not (tmp_path / "h.csv").exists()
