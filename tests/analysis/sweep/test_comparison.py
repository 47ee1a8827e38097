"""Policies compared pair by pair: who is named better, and when nothing is shown."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from sizings import sizings
from slackanalysis.commands.cli import cli
from slackanalysis.sweep.comparison import compare_policies, effect_by_cell, holm


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


def table(seeds: int = 10, **more: int) -> pd.DataFrame:
    """Return sizings in which `worse` takes so many hosts more than `base` in each list."""
    base = sizings(seeds=seeds, policies=("base",))
    base["hosts_shared"] += base["seed"]
    others = []
    for name, hosts in more.items():
        other = base.assign(policy=name)
        other["hosts_shared"] += hosts
        others.append(other)
    return pd.concat([base, *others], ignore_index=True)


def test_a_constant_difference_is_found_with_its_size_in_all_and_in_each_cell() -> None:
    tried = table(worse=2)
    (row,) = compare_policies(tried, ["hosts_shared"]).to_dict("records")
    assert (row["policy"], row["other"], row["pairs"]) == ("base", "worse", 10)
    assert row["difference"] == 2 * 30
    assert row["sum_other"] - row["sum"] == 2 * 300
    assert row["percent_low"] <= row["percent"] <= row["percent_high"]
    # All ten differences have one sign: 2 of 2^10 ways.
    assert row["p"] == pytest.approx(2 / 2**10)
    cells = effect_by_cell(tried, ["hosts_shared"])
    assert len(cells) == 30
    assert (cells["difference"] == 2).all()
    assert (cells["difference_low"] == 2).all()
    assert (cells["seeds"] == 10).all()


def test_equal_policies_are_not_called_different() -> None:
    (row,) = compare_policies(table(same=0), ["hosts_shared"]).to_dict("records")
    assert (row["difference"], row["percent"], row["p"], row["p_holm"]) == (0, 0, 1, 1)


def test_seeds_are_the_pairs_and_not_lists() -> None:
    """Noise of single lists that cancels out over a seed is no difference between policies."""
    tried = table(noisy=0)
    is_noisy = tried["policy"] == "noisy"
    tried.loc[is_noisy, "hosts_shared"] += np.tile([3, -3], is_noisy.sum() // 2)
    (row,) = compare_policies(tried, ["hosts_shared"]).to_dict("records")
    sums = tried.groupby(["policy", "seed"])["hosts_shared"].sum()
    difference = (sums["noisy"] - sums["base"]).to_numpy()
    assert row["pairs"] == 10
    assert row["p"] == (stats.wilcoxon(difference).pvalue if difference.any() else 1)


def test_holm_corrects_step_by_step() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t["policy"] == "base"], "one policy only, base: two or more are compared"),
        (lambda t: t.iloc[:-1], "not tried on the same lists; missing: worse 1"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "more than one row for"),
        (
            lambda t: t.assign(host_cpus=np.where(t["policy"] == "base", 32, 64)),
            "host_cpus differs between policies",
        ),
        (lambda t: t.assign(hosts_bound=np.nan), "row 1: hosts_bound"),
    ],
)
def test_what_cannot_be_compared_is_reported(tmp_path, change, message: str) -> None:
    path = tmp_path / "table.csv"
    change(table(worse=1)).to_csv(path, index=False)
    result = run(path, "--output", tmp_path / "cells.csv")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {path}: ")
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([np.inf, 1.0], "energy_kwh_shared is infinite in a row"),
        ([np.nan, np.nan], "energy_kwh_shared is missing in all rows"),
        ([np.nan, 1.0], "not tried on the same lists; missing: base 300"),
    ],
)
def test_values_that_are_not_numbers_are_reported(tmp_path, numbers, message: str) -> None:
    path = tmp_path / "table.csv"
    found = table(worse=1)
    is_base = found["policy"] == "base"
    found.assign(energy_kwh_shared=np.where(is_base, *numbers)).to_csv(path, index=False)
    result = run(path, "--value", "energy_kwh_shared")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {path}: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_names_of_policies_are_shown_as_they_are(tmp_path) -> None:
    path = tmp_path / "table.csv"
    table(worse=1).replace({"policy": {"worse": "[/x]"}}).to_csv(path, index=False)
    result = run(path)
    assert result.exit_code == 0, result.output
    assert "[/x]" in result.stdout


def test_an_unknown_column_is_reported_with_the_known_ones(tmp_path) -> None:
    path = tmp_path / "table.csv"
    table(worse=1).to_csv(path, index=False)
    result = run(path, "--value", "hosts")
    assert result.exit_code == 2
    assert "no numbers in column 'hosts'; compare one of: hosts_shared, hosts_sep" in result.stderr


def test_the_command_shows_and_writes_what_was_found(tmp_path) -> None:
    path, output = tmp_path / "table.parquet", tmp_path / "cells.csv"
    table(worse=1, better=-1).to_parquet(path)
    result = run(path, "--output", output)
    assert result.exit_code == 0, result.output
    *lines, rows = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert rows == f"{output}: 90 rows"
    # Three comparisons, so that Holm triples 2 / 2^10.
    assert sum(line.rstrip().endswith(" 0.0059") for line in lines) == 3
    assert "10 pairs, each a seed; Wilcoxon's signed-rank test" in result.stdout
    assert len(pd.read_csv(output)) == 3 * 30
    assert (tmp_path / "cells.csv.manifest.json").exists()
    compared = json.loads(run(path, "--json").stdout)["comparisons"]
    assert [(row["policy"], row["other"]) for row in compared] == [
        ("base", "worse"),
        ("base", "better"),
        ("worse", "better"),
    ]
    assert all(row["p_holm"] == pytest.approx(3 * row["p"]) for row in compared)


def test_too_few_seeds_are_said_to_be_too_few(tmp_path) -> None:
    path = tmp_path / "table.csv"
    table(seeds=3, worse=5).to_csv(path, index=False)
    assert "Too few for a p below 0.05: take 6 seeds or more" in run(path).stdout


def test_lists_without_provider_and_mix_are_the_pairs_of_one_seed(tmp_path) -> None:
    path = tmp_path / "table.csv"
    one = table(seeds=1, worse=1).drop(columns=["provider", "mix", "seed"])
    one.insert(0, "trace", one.groupby("policy").cumcount())
    one.to_csv(path, index=False)
    assert "30 pairs, each a list" in run(path).stdout


def test_nothing_is_written_over_the_table(tmp_path) -> None:
    path = tmp_path / "table.csv"
    table(worse=1).to_csv(path, index=False)
    before = path.read_bytes()
    assert run(path, "--output", path).exit_code == 2
    assert path.read_bytes() == before
