"""The figures of a sizing, checked by hand on three VMs."""

import numpy as np
import pandas as pd
import pytest

from analysis.sizing.lists import size_clusters
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sizing.sizing import sizing_table
from slackanalysis.workload.requests import RequestList
from slackvm.model import POLICIES, VM

SIZE = HostSize(4, 4096)
REQUESTS = RequestList(
    {"mix": "by hand"},
    # Shared: one host has a and c, the other b. Separate: one has a, the other b and c.
    [VM("a", 2, 1024, 1.0), VM("b", 3, 2048, 2.0), VM("c", 1, 2048, 2.0)],
    np.array([0.0, 3600, 3600]),
    np.array([7200.0, 3600, 10_800]),
)


@pytest.fixture(scope="module")
def row() -> pd.Series:
    sizing, _ = size_clusters(REQUESTS, SIZE, POLICIES["first-fit"], "first-fit")
    return sizing_table([sizing]).iloc[0]


def test_hosts(row):
    """b takes three CPUs whatever its level; beside a there is no room for three."""
    assert (row["hosts_shared"], row["hosts_separate"], row["hosts_bound"]) == (2, 2, 2)
    assert (row["hosts_1.0"], row["hosts_2.0"]) == (1, 1)
    assert (row["mix"], row["policy"]) == ("by hand", "first-fit")


def test_means_are_over_the_time_from_the_first_arrival_to_the_last_departure(row):
    """Four hours: a for two, b for one, c for three; c alone owns one CPU, b and c own three."""
    assert row["cpus_allocated_mean_separate"] == (2 * 2 + 3 + 2 * 1) / 4
    assert row["cpus_unallocated_mean_separate"] == 8 - 9 / 4
    assert row["memory_mib_allocated_mean_shared"] == (2 * 1024 + 2048 + 3 * 2048) / 4
    assert row["memory_mib_unallocated_mean_shared"] == 8192 - 10240 / 4


def test_the_peak_is_where_the_vms_have_most_memory(row):
    assert row["memory_mib_allocated_peak_shared"] == 5120
    assert row["memory_mib_unallocated_peak_shared"] == 3072
    assert row["cpus_allocated_peak_separate"] == 5
    assert row["cpus_unallocated_peak_separate"] == 3


def test_host_hours_count_hosts_with_a_vm(row):
    assert row["host_hours_shared"] == 4 + 1
    assert row["host_hours_separate"] == 2 + 3


def test_oversubscription_is_vcpus_per_cpu_owned(row):
    """Level 2: (3 + 1) vCPUs for an hour on three CPUs, 1 on one for two hours."""
    assert row["oversubscription_separate_1.0"] == 1
    assert row["oversubscription_separate_2.0"] == pytest.approx((4 + 2) / (3 + 2))


def test_over_time_there_is_a_row_per_moment():
    _, courses = size_clusters(REQUESTS, SIZE, POLICIES["first-fit"], "first-fit")
    table = courses["separate"].over_time()
    assert table.to_dict("list") == {
        "time_s": [0.0, 3600, 7200, 14_400],
        "vms": [1, 3, 1, 0],
        "hosts_in_use": [1, 2, 1, 0],
        "cpus_allocated": [2, 5, 1, 0],
        "memory_mib_allocated": [1024, 5120, 2048, 0],
    }


def test_a_level_that_a_list_lacks_has_no_host():
    other = REQUESTS.of_level(1.0)
    sizings = [
        size_clusters(each, SIZE, POLICIES["progress"], "progress")[0] for each in (other, REQUESTS)
    ]
    table = sizing_table(sizings)
    assert table["hosts_2.0"].tolist() == [0, 1]
    assert table["oversubscription_shared_2.0"].isna().tolist() == [True, False]
    assert table["hosts_shared"][0] == table["hosts_separate"][0] == table["hosts_1.0"][0]


def test_a_key_with_the_name_of_a_figure_is_refused():
    clash = RequestList({"policy": "x"}, REQUESTS.vms, REQUESTS.start_s, REQUESTS.lifetime_s)
    sizing, _ = size_clusters(clash, SIZE, POLICIES["progress"], "progress")
    with pytest.raises(ValueError, match="column policy cannot tell lists apart"):
        sizing_table([sizing])
