"""The published table of hosts, and what our own request lists come to beside it."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from sizings import sizings, with_setting
from slackanalysis.commands.cli import cli
from slackanalysis.figures.plots.unallocated import unallocated
from slackanalysis.sweep.cells import PAPER_MIXES
from slackanalysis.sweep.gains import read_sizings
from slackanalysis.sweep.published import (
    agreement,
    comparable,
    published_hosts,
    why_not_comparable,
)
from slackanalysis.sweep.reproduction import beside_published, reproduction


def in_setting() -> pd.DataFrame:
    """Return the published table as if a sweep had made it."""
    return with_setting(published_hosts().assign(vms=500, seed=1, hosts_bound=1))


def test_the_published_table_is_the_published_one() -> None:
    table = published_hosts()
    assert table[["hosts_separate", "hosts_shared"]].sum().tolist() == [1864, 1794]
    assert set(table["mix"]) == set(PAPER_MIXES)
    assert (1 - table["hosts_shared"] / table["hosts_separate"]).mean() == pytest.approx(
        0.0391, abs=0.0001
    )
    itself = agreement(in_setting())
    assert itself is not None
    assert itself.cells == 24, "of the 30, 6 are of one level: nothing can be saved"
    assert itself.mean_saved == itself.published_mean_saved == pytest.approx(0.0488, abs=0.0001)
    assert itself.correlation == pytest.approx(1)


def test_the_published_table_agrees_with_its_source(reference_data: Path) -> None:
    theirs = {}
    for path in (reference_data / "published").glob("allocation-*.csv"):
        for row in pd.read_csv(path).itertuples():
            shares = [float(part.partition(":")[2]) for part in row.label.split("-")]
            mix = "-".join(f"{100 * share:.0f}" for share in shares)
            theirs[row.dataset, mix, row.cluster] = row
    for row in published_hosts().itertuples():
        separate, shared = (theirs[row.provider, row.mix, name] for name in ("ocall", "vcluster"))
        assert (row.hosts_separate, row.hosts_shared) == (separate.host_count, shared.host_count)
        assert row.cpus_allocated_separate == separate.sum_cpu_alloc
        assert row.cpus_allocated_shared == shared.sum_cpu_alloc
        assert row.memory_gib_allocated_separate == separate.sum_mem_alloc
        assert row.memory_gib_allocated_shared == shared.sum_mem_alloc


def test_a_table_that_lacks_a_cell_is_not_compared() -> None:
    table = in_setting()
    assert agreement(table[table["mix"] != "50-0-50"]) is None


OTHERS = {
    "hosts of another size": ({"host_cpus": 64}, "host_cpus is 64, published is 32"),
    "more memory": ({"host_memory_mib": 262144}, "host_memory_mib is 262144"),
    "hours of another length": ({"temporality": "3600,86400,7"}, "temporality is 3600,86400,7"),
    "another number of VMs": ({"vms": 1000}, "vms is 1000, published is 500"),
    "a catalogue of the same name": ({"catalogue_sha256": "x"}, "is not the published one"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_runs_of_another_setting_are_not_compared(what: str) -> None:
    changes, reason = OTHERS[what]
    table = in_setting().assign(**changes)
    assert not comparable(table).any()
    assert agreement(table) is None
    assert reason in why_not_comparable(table)
    assert beside_published(table)["published_gain_percent"].isna().all()
    with pytest.raises(ValueError, match="nothing to draw: not compared with the published"):
        reproduction(table)


def test_a_table_that_does_not_say_where_it_comes_from_is_not_compared() -> None:
    """As older versions and other programs write them."""
    table = in_setting().drop(columns=["host_cpus", "temporality"])
    assert not comparable(table).any()
    assert "the table has no column host_cpus, temporality" in why_not_comparable(table)
    figure = unallocated(sizings().drop(columns=["host_cpus"]))
    assert figure["published_cpus_shared_percent"].isna().all()


def test_hosts_of_several_kinds_are_not_the_published_ones() -> None:
    table = in_setting().drop(columns=["host_cpus", "host_memory_mib"])
    table["host_pattern"] = "32:128:3,64:256:1"
    assert not comparable(table).any()
    assert "hosts are of several kinds (32:128:3,64:256:1)" in why_not_comparable(table)


def test_only_the_rows_of_the_published_setting_are_compared() -> None:
    table = in_setting()
    table.loc[table["provider"] == "azure2017", "host_cpus"] = 64
    beside = beside_published(table)
    known = beside.set_index("provider")["published_gain_percent"].notna().groupby("provider").any()
    assert known.to_dict() == {"azure2017": False, "ovhcloud2023": True}
    assert why_not_comparable(table).startswith("15 of 30 rows are not compared")


def test_the_authors_own_lists_are_compared(reference_data: Path, tmp_path: Path) -> None:
    """A table of `size` does not say how its lists were generated; their hashes do."""
    output = tmp_path / "hosts.csv"
    requests = reference_data / "workloads" / "seed1.csv.gz"
    arguments = [str(requests), "--policy", "first-fit", "--output", str(output)]
    assert CliRunner().invoke(cli, ["size", *arguments]).exit_code == 0
    table = read_sizings(output)
    assert comparable(table).all()
    groups = reproduction(table).groups.set_index("group")
    assert groups.loc["without 1:1", "short"] == 6
    assert not comparable(table.iloc[1:]).any(), "these are other lists"
    assert not comparable(table.assign(host_cpus=64)).any()


def test_our_request_lists_reproduce_the_published_savings(tmp_path: Path) -> None:
    """First fit, the policy behind the published numbers; three seeds of the twenty of docs/."""
    output = tmp_path / "paper.parquet"
    arguments = ["--policy", "first-fit", "--seeds", "1-3", "--output", str(output)]
    result = CliRunner().invoke(cli, ["sweep", *arguments])
    assert result.exit_code == 0, result.output
    found = agreement(pd.read_parquet(output))
    assert found is not None
    assert found.mean_saved == pytest.approx(0.043, abs=0.002)
    assert found.correlation > 0.85
    assert f"saves {found.mean_saved:.2%} of the hosts on average, in the pub" in result.stdout
