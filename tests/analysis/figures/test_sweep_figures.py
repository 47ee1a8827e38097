"""Figures of sizings: what a reader sees, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drawings import legend_texts, overlaps
from sizings import PROVIDERS, sizings, with_setting
from slackanalysis.figures.plots.policies import above_bound, draw_policies
from slackanalysis.figures.plots.reproduction import draw_reproduction
from slackanalysis.figures.plots.scale import draw_scale, gain_by_size
from slackanalysis.figures.plots.unallocated import draw_unallocated, unallocated
from slackanalysis.figures.plots.workers_saved import draw_workers_saved
from slackanalysis.outputs.tables import write_table
from slackanalysis.sweep.gains import gains, of_policy, read_sizings
from slackanalysis.sweep.published import published_hosts
from slackanalysis.sweep.reproduction import beside_published, reproduction


def cell(table: pd.DataFrame, **which: object) -> pd.DataFrame:
    for name, value in which.items():
        table = table[table[name] == value]
    return table


def gain_by_hand(table: pd.DataFrame, provider: str, mix: str) -> list[float]:
    return [
        100 * (row.hosts_separate - row.hosts_shared) / row.hosts_separate
        for row in table.itertuples()
        if (row.provider, row.mix) == (provider, mix)
    ]


def test_gains_are_means_over_seeds_beside_what_is_published():
    table = sizings()
    numbers = beside_published(table)
    assert len(numbers) == 30
    for row in numbers.itertuples():
        by_hand = gain_by_hand(table, row.provider, row.mix)
        assert row.seeds == 3
        assert row.gain_percent == pytest.approx(sum(by_hand) / 3)
        assert (row.gain_percent_min, row.gain_percent_max) == (min(by_hand), max(by_hand))
    best = cell(numbers, provider="ovhcloud2023", mix="50-0-50").iloc[0]
    assert best["published_gain_percent"] == pytest.approx(100 * 8 / 83)


def test_heat_maps_and_bars_show_the_same_gains():
    numbers = beside_published(sizings())
    figure = draw_workers_saved(numbers)
    ovh_map, azure_map, ovh_bars, azure_bars = figure.axes[:4]
    for provider, heat, bars in (
        ("ovhcloud2023", ovh_map, ovh_bars),
        ("azure2017", azure_map, azure_bars),
    ):
        rows = cell(numbers, provider=provider)
        assert [bar.get_height() for bar in bars.patches] == pytest.approx(
            list(rows["gain_percent"])
        )
        assert [label.get_text() for label in bars.get_xticklabels()] == list(rows["mix"])
        cells = heat.images[0].get_array()
        assert np.isnan(cells.filled(np.nan)).sum() == 10
        for row in rows.itertuples():
            ones, twos, _ = map(int, row.mix.split("-"))
            assert cells[twos // 25, ones // 25] == pytest.approx(row.gain_percent)
            text = f"{row.gain_percent:.1f}\n({row.published_gain_percent:.1f})"
            (shown,) = (t for t in heat.texts if t.get_position() == (ones // 25, twos // 25))
            assert shown.get_text() == text
    assert (ovh_map.get_title(), azure_map.get_title()) == ("OVHcloud 2023", "Azure 2017")
    assert ovh_map.get_xlabel() == "Share of 1:1 (%)"
    assert ovh_map.get_ylabel() == "Share of 2:1 (%)"
    assert legend_texts(figure) == [
        "Ours, mean of 3 seeds",
        "A seed",
        "Published (in brackets above)",
    ]
    assert not overlaps(figure)


def test_few_seeds_are_drawn_one_by_one_and_many_as_an_interval():
    few, many = (beside_published(sizings(seeds=seeds)) for seeds in (3, 6))
    bars = draw_workers_saved(few).axes[2]
    first = gain_by_hand(sizings(), "ovhcloud2023", "0-0-100")
    assert list(bars.lines[0].get_ydata()) == pytest.approx(first, rel=1e-4)
    assert bars.lines[0].get_linestyle() == "None"
    figure = draw_workers_saved(many)
    row = cell(many, provider="ovhcloud2023", mix="0-0-100").iloc[0]
    drawn = list(figure.axes[2].lines[0].get_ydata())
    assert drawn == [row["gain_percent_low"], row["gain_percent_high"]]
    assert "95 % interval" in legend_texts(figure)
    assert "A seed" not in legend_texts(figure)


def test_a_mix_that_is_not_published_is_drawn_without_brackets():
    table = sizings().replace({"mix": {"25-25-50": "20-30-50"}})
    table = table[table["mix"].isin(["20-30-50", "0-0-100"])]
    figure = draw_workers_saved(beside_published(table))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sorted("(" in text for text in texts) == [False, True]


def test_tables_of_several_sizes_are_not_taken_for_more_seeds():
    with pytest.raises(ValueError, match="more than one row for"):
        beside_published(sizings(sizes=(100, 200)))


def test_a_mix_of_other_levels_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"mix '1\.5=1' cannot be drawn"):
        beside_published(sizings().replace({"mix": {"0-0-100": "1.5=1"}}))


def test_what_is_left_is_a_share_of_what_hosts_have():
    table = sizings()
    numbers = unallocated(table)
    row = cell(numbers, provider="azure2017", mix="25-25-50").iloc[0]
    rows = cell(table, provider="azure2017", mix="25-25-50")
    by_hand = rows["cpus_unallocated_peak_shared"] / (32 * rows["hosts_shared"])
    assert row["cpus_shared_percent"] == pytest.approx(100 * by_hand.mean())
    by_hand = rows["memory_mib_unallocated_peak_separate"] / (131_072 * rows["hosts_separate"])
    assert row["memory_mib_separate_percent"] == pytest.approx(100 * by_hand.mean())
    # 1,353 of 43 hosts' CPUs and 4,377 of their GiB are published as allocated.
    assert row["published_cpus_shared_percent"] == pytest.approx(100 * (1 - 1353 / (43 * 32)))
    assert row["published_memory_mib_shared_percent"] == pytest.approx(
        100 * (1 - 4377 / (43 * 128))
    )


def test_cpus_are_mirrored_to_the_left_and_memory_to_the_right():
    numbers = unallocated(sizings())
    figure = draw_unallocated(numbers)
    for axes, provider in zip(figure.axes, reversed(PROVIDERS), strict=True):
        rows = cell(numbers, provider=provider)
        widths = [bar.get_width() for bar in axes.patches]
        assert widths[:15] == pytest.approx(list(-rows["cpus_separate_percent"]))
        assert widths[15:30] == pytest.approx(list(rows["memory_mib_separate_percent"]))
        assert widths[30:45] == pytest.approx(list(-rows["cpus_shared_percent"]))
        left, right = axes.get_xlim()
        assert -left == right
    assert figure.axes[0].get_yticklabels()[0].get_text() == "0-0-100"
    assert legend_texts(figure) == ["Separate clusters", "One shared cluster", "A seed"]
    assert not overlaps(figure)


def test_a_table_without_unallocated_columns_is_reported():
    table = sizings().drop(columns="cpus_unallocated_peak_shared")
    with pytest.raises(ValueError, match="column cpus_unallocated_peak_shared is missing"):
        unallocated(table)


def test_policies_are_compared_seed_by_seed():
    table = sizings(policies=("progress", "first-fit"))
    numbers = above_bound(table).set_index(["cluster", "policy", "provider"])
    above, more = [], []
    for seed in (1, 2, 3):
        hosts, reference = (
            cell(table, provider="azure2017", seed=seed, policy=policy)
            for policy in ("progress", "first-fit")
        )
        above.append(100 * (hosts["hosts_shared"].sum() / hosts["hosts_bound"].sum() - 1))
        more.append(100 * (hosts["hosts_shared"].sum() / reference["hosts_shared"].sum() - 1))
    row = numbers.loc[("shared", "progress", "azure2017")]
    assert row["percent_above"] == pytest.approx(np.mean(above))
    assert row["percent_more"] == pytest.approx(np.mean(more))
    assert numbers.loc[("shared", "first-fit", "azure2017"), "percent_more"] == 0


def test_each_policy_has_a_row():
    numbers = above_bound(sizings(policies=("first-fit", "progress", "mine:policy")))
    figure = draw_policies(numbers)
    above, more = figure.axes
    labels = [label.get_text() for label in above.get_yticklabels()]
    assert labels == ["first-fit", "progress", "mine:policy"]
    assert more.get_xlabel() == "Against first-fit, same seeds (%)"
    assert legend_texts(figure) == [
        "OVHcloud 2023",
        "Azure 2017",
        "Shared cluster",
        "Separate clusters",
        "A seed",
    ]
    assert not overlaps(figure)


def test_policies_of_other_lists_are_not_compared():
    table = sizings(policies=("first-fit", "progress"))
    with pytest.raises(ValueError, match=r"different lists: .*'first-fit': 90, 'progress': 89"):
        above_bound(table.iloc[:-1])


@pytest.mark.parametrize("numbers", [gains, above_bound, gain_by_size])
def test_hosts_that_are_not_those_needed_are_not_drawn(numbers):
    table = sizings()
    with pytest.raises(ValueError, match=r"the number of hosts was given \(size --hosts\)"):
        numbers(table.assign(refused_shared=0))
    with pytest.raises(ValueError, match="more than once: provider azure2017, mix 0-0-100, policy"):
        numbers(pd.concat([table, table]))


@pytest.mark.parametrize("numbers", [above_bound, gain_by_size])
def test_means_are_not_of_different_hosts(numbers):
    table, other = sizings(policies=["first-fit"]), sizings(policies=["progress"], sizes=[100])
    both = pd.concat([table, other.assign(host_memory_mib=65_536)])
    message = "host_memory_mib of azure2017 is 131072 in some rows and 65536 in others"
    with pytest.raises(ValueError, match=message):
        numbers(both)


def test_the_size_of_a_cluster_is_its_vms_at_the_start():
    table = sizings(sizes=(100, 200))
    numbers = gain_by_size(table)
    row = cell(numbers, provider="azure2017", vms=200).iloc[0]
    means = [
        np.mean(
            [
                100 * (1 - each.hosts_shared / each.hosts_separate)
                for each in cell(table, provider="azure2017", vms=200, seed=seed).itertuples()
            ]
        )
        for seed in (1, 2, 3)
    ]
    assert row["gain_percent"] == pytest.approx(np.mean(means))
    assert row["mixes"] == 15
    (axes,) = draw_scale(numbers).axes
    line = next(line for line in axes.lines if line.get_label() == "Azure 2017")
    assert list(line.get_xdata()) == [100, 200]
    assert line.get_ydata()[1] == pytest.approx(row["gain_percent"])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "200"]
    assert not overlaps(axes.figure)


def test_sizes_are_needed_to_draw_them():
    with pytest.raises(ValueError, match="column vms is missing"):
        gain_by_size(sizings().drop(columns="vms"))


def test_the_published_table_reproduces_itself():
    """The cells of one level are left out: they agree by construction."""
    found = reproduction(with_setting(published_hosts().assign(policy="x", seed=1, vms=500)))
    assert len(found.cells) == 24
    assert found.mean == pytest.approx(found.published_mean) == pytest.approx(4.88, abs=0.01)
    assert found.correlation == pytest.approx(1)
    assert found.cells["difference"].abs().max() == 0
    assert found.cells["in_range"].all()
    shown = found.shown.set_index(["provider", "mix"]).loc[("ovhcloud2023", "50-0-50")]
    hosts = [shown[name] for name in ("published_separate", "hosts_separate", "hosts_shared")]
    assert hosts == [83, 83, 75]


def test_cells_are_drawn_against_the_published_ones():
    found = reproduction(sizings())
    figure = draw_reproduction(found)
    cells, seeds = figure.axes
    marks = [line for line in cells.lines if line.get_markersize() > 4]
    marks = [line for line in marks if line.get_linestyle() == "None"]
    drawn = sorted(mark for line in marks for mark in zip(*line.get_data(), strict=True))
    hollow = [line for line in marks if line.get_markerfacecolor() == "white"]
    without_ones = found.cells["mix"].str.startswith("0-").sum()
    assert sum(len(line.get_xdata()) for line in hollow) == without_ones == 6
    wanted = zip(found.cells["published_gain_percent"], found.cells["gain_percent"], strict=True)
    assert drawn == sorted(wanted)
    assert sorted(seeds.lines[0].get_xdata()) == pytest.approx(sorted(found.seeds["gain_percent"]))
    assert legend_texts(figure) == [
        "OVHcloud 2023",
        "Azure 2017",
        "Hollow: no 1:1 in the mix",
        "As published",
        "A seed",
        "Range of the seeds",
        "A seed, mean over cells",
        "Mean of the seeds",
    ]
    assert not overlaps(figure)


def test_a_setting_that_was_not_published_is_reported():
    with pytest.raises(ValueError, match="nothing is published"):
        reproduction(cell(sizings(), provider="azure2017").assign(provider="mine"))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_tables_are_read_as_they_are_written(tmp_path: Path, ending):
    path = tmp_path / f"table{ending}"
    write_table(path, sizings())
    pd.testing.assert_frame_equal(read_sizings(path), sizings(), check_dtype=False)


def test_a_table_of_one_list_each_has_one_seed(tmp_path: Path):
    path = tmp_path / "t.csv"
    sizings(seeds=1).drop(columns=["seed", "vms"]).to_csv(path, index=False)
    assert set(read_sizings(path)["seed"]) == {1}


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", bytes(range(256)) * 9])
def test_a_file_that_is_not_a_table_is_reported(tmp_path: Path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"t\.(csv|parquet)") as error:
        read_sizings(path)
    assert "\n" not in str(error.value)


def test_a_truncated_table_is_reported(tmp_path: Path):
    path = tmp_path / "t.parquet"
    sizings().to_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"t\.parquet: cannot be read"):
        read_sizings(path)


def test_a_policy_without_rows_is_reported_with_the_policies_that_have_rows():
    with pytest.raises(ValueError, match="no sizing by policy 'best'; there are: first-fit"):
        of_policy(sizings(), "best")
