"""Clusters of as few hosts as a list takes: against the published rule, and a naive program."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from analysis.sizing.lists import random_list
from slackanalysis.sizing.hosts import HostPattern, HostSize
from slackanalysis.sizing.placement_run import serve_on_fewest, volume_bound
from slackanalysis.sizing.sizing import Question, size_lists
from slackanalysis.sizing.trials import OnRefusal, PlacementRun, Trial, run_trials
from slackanalysis.workload.request_file import read_requests
from slackanalysis.workload.requests import RequestList
from slackvm.model import POLICIES, VM

SIZE = HostSize(8, 16_384)
PAPER_SIZE = HostSize(32, 131_072)


def alive_over_time(requests: RequestList):
    """Yield the VMs that are there, before and after each event, in the order of the rules."""
    there: list[int] = []
    times = sorted({*requests.start_s.tolist(), *requests.end_s.tolist()})
    for time in times:
        for number in range(len(requests.vms)):
            if requests.start_s[number] == time:
                there.append(number)
                yield "arrives", number, there
        for number in list(there):
            if requests.end_s[number] == time:
                there.remove(number)
                yield "leaves", number, there


def cpus_needed(vms: list[VM]) -> int:
    """Return the CPUs of a host's vNodes, by the rule of the paper."""
    total = 0
    for level in {vm.level for vm in vms}:
        vcpus = [vm.vcpus for vm in vms if vm.level == level]
        total += max(ceil(sum(vcpus) / Fraction(str(level))), *vcpus)
    return total


def naive_first_fit(requests: RequestList, size: HostSize) -> int:
    """Open a host whenever no other takes the VM; return how many there are in the end."""
    hosts: list[list[int]] = []
    for what, number, _ in alive_over_time(requests):
        if what == "leaves":
            next(host for host in hosts if number in host).remove(number)
            continue
        new: list[int] = []
        for host in [*hosts, new]:
            vms = [requests.vms[other] for other in [*host, number]]
            memory = sum(vm.memory_mib for vm in vms)
            if cpus_needed(vms) <= size.cpus and memory <= size.memory_mib:
                host.append(number)
                if host is new:
                    hosts.append(new)
                break
    return len(hosts)


@pytest.mark.parametrize("seed", range(20))
def test_first_fit_takes_as_many_hosts_as_a_naive_program(seed: int) -> None:
    requests = random_list(seed)
    assert serve_on_fewest(requests, SIZE, POLICIES["first-fit"]).hosts == naive_first_fit(
        requests, SIZE
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_volume_bound_is_the_largest_demand_over_time(seed: int) -> None:
    requests = random_list(seed)
    largest = 0
    for _, _, there in alive_over_time(requests):
        vms = [requests.vms[number] for number in there]
        cpus = sum(vm.vcpus / Fraction(str(vm.level)) for vm in vms)
        memory = Fraction(sum(vm.memory_mib for vm in vms), SIZE.memory_mib)
        largest = max(largest, ceil(cpus / SIZE.cpus), ceil(memory))
    assert volume_bound(requests, SIZE) == largest


def test_the_volume_bound_is_exact_for_levels_without_a_small_common_multiple() -> None:
    """Three VMs that fill a host to the last part of a CPU, and one unit more than fits."""
    levels = [1.001, 1.003, 1.009, 1.013]
    vms = [VM(f"vm{level}", round(level * 1000), 1, level) for level in levels]
    requests = RequestList({}, vms, np.zeros(4), np.ones(4))
    assert volume_bound(requests, HostSize(4000, 100)) == 1
    assert volume_bound(requests, HostSize(3999, 100)) == 2


def serve(requests: RequestList, hosts: int, policy: str) -> PlacementRun:
    """Serve a list on so many hosts."""
    return run_trials([Trial(requests, SIZE, hosts, OnRefusal.RECORD)], POLICIES[policy])[0]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(10))
def test_no_smaller_cluster_down_to_the_bound_serves_everybody(seed: int, policy: str) -> None:
    requests = random_list(seed)
    fewest = serve_on_fewest(requests, SIZE, POLICIES[policy])
    assert fewest.hosts >= volume_bound(requests, SIZE)
    for hosts in range(volume_bound(requests, SIZE), fewest.hosts):
        assert serve(requests, hosts, policy).refused
    again = serve(requests, fewest.hosts, policy)
    assert not again.refused
    assert again.host.tolist() == fewest.host.tolist()
    assert again.gained.tolist() == fewest.gained.tolist()


@pytest.mark.parametrize("policy", ["progress", "first-fit"])
def test_numbers_below_the_first_host_that_is_large_enough_are_not_tried(policy: str) -> None:
    """Or a pattern that begins with thousands of small hosts would take hours."""
    pattern = HostPattern(((HostSize(1, 1024), 9_999), (HostSize(8, 8192), 1)))
    requests = RequestList({}, [VM("large", 8, 1024, 1.0)], np.zeros(1), np.ones(1))
    run = serve_on_fewest(requests, pattern, POLICIES[policy])
    assert (run.hosts, run.host.tolist()) == (10_000, [9_999, 9_999])


def test_a_list_without_vms_takes_no_host() -> None:
    empty = RequestList({}, [], np.zeros(0), np.zeros(0))
    assert serve_on_fewest(empty, SIZE, POLICIES["progress"]).hosts == 0


@pytest.mark.parametrize(
    ("vm", "message"),
    [
        (VM("big", 9, 1, 3.0), "VM big of seed needs 9 CPUs, a host has 8"),
        (VM("fat", 1, 16_385, 3.0), "VM fat of seed needs 16385 MiB, a host has 16384"),
    ],
)
def test_a_vm_that_no_host_can_take_is_named(vm: VM, message: str) -> None:
    requests = RequestList({"seed": "seed"}, [vm], np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match=message):
        serve_on_fewest(requests, SIZE, POLICIES["progress"])


def test_the_reference_lists_take_the_hosts_that_are_known(reference_data) -> None:
    """30 lists of the authors' generator; two independent programs agree on first fit."""
    lists = read_requests(reference_data / "workloads" / "seed1.csv.gz")
    sums = {}
    cells = {}
    for name in ("first-fit", "progress"):
        sized = size_lists(lists, Question(PAPER_SIZE), POLICIES[name], name)
        sizings = [each.sizing for each in sized]
        sums[name] = (
            sum(sizing.shared.hosts for sizing in sizings),
            sum(sizing.separate.hosts for sizing in sizings),
            sum(sizing.hosts_bound for sizing in sizings),
        )
        cells |= {(name, *sizing.keys.values()): sizing for sizing in sizings}
    assert sums == {"first-fit": (1808, 1872, 1779), "progress": (1801, 1866, 1779)}
    cell = cells["first-fit", "ovhcloud2023", "50-0-50"]
    assert (cell.shared.hosts, cell.hosts) == (76, {"1.0": 56, "3.0": 27})
    cell = cells["first-fit", "azure2017", "25-25-50"]
    assert (cell.shared.hosts, cell.hosts) == (39, {"1.0": 17, "2.0": 9, "3.0": 16})
