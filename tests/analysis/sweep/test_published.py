"""The published table of hosts, and what our own request lists come to beside it."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from slackanalysis.commands.cli import cli
from slackanalysis.sweep.cells import PAPER_MIXES
from slackanalysis.sweep.published import agreement, published_hosts


def test_the_published_table_is_the_published_one() -> None:
    table = published_hosts()
    assert table[["hosts_separate", "hosts_shared"]].sum().tolist() == [1864, 1794]
    assert set(table["mix"]) == set(PAPER_MIXES)
    itself = agreement(table)
    assert itself is not None
    assert itself.mean_saved == itself.published_mean_saved == pytest.approx(0.0391, abs=0.0001)
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
    assert agreement(published_hosts().iloc[1:]) is None


def test_our_request_lists_reproduce_the_published_savings(tmp_path: Path) -> None:
    """First fit, the policy behind the published numbers; three seeds of the twenty of docs/."""
    output = tmp_path / "paper.parquet"
    arguments = ["--policy", "first-fit", "--seeds", "1-3", "--output", str(output)]
    result = CliRunner().invoke(cli, ["sweep", *arguments])
    assert result.exit_code == 0, result.output
    found = agreement(pd.read_parquet(output))
    assert found is not None
    assert found.mean_saved == pytest.approx(found.published_mean_saved, abs=0.007)
    assert found.correlation > 0.9
    assert f"saves {found.mean_saved:.2%} of its hosts, in the published" in result.stdout
