"""The CPUs of a host: what a reader sees of caches, NUMA nodes and vNodes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from drawings import legend_texts, overlaps
from slackanalysis.figures import palette
from slackanalysis.figures.plots.topology import (
    draw_topology,
    owners_table,
    shared_parts,
    topology_summary,
    topology_table,
)
from slackanalysis.figures.saving import save_figure
from slackvm.topologies import load_topology, parse_description

HOSTS = {
    "epyc": load_topology("epyc-7662"),
    "laptop": load_topology("i7-1185g7"),
    "one cache": parse_description("sockets=1 cores=40 threads=2 l3=40 memory=1000").build(),
    "no threads": parse_description("sockets=4 cores=12 threads=1 l3=3 memory=1000").build(),
}


def owners(host: str, levels: list[float]) -> pd.DataFrame:
    """The CPUs of a host dealt out to levels and left free in turn, at two moments."""
    table = topology_table(HOSTS[host])
    dealt = [*levels, float("nan")]
    later = table.assign(level=[dealt[number % len(dealt)] for number in range(len(table))])
    early = table.assign(level=float("nan"))
    early.loc[0, "level"] = levels[0]
    return pd.concat([early.assign(moment_s=90.0), later.assign(moment_s=7200.0)])


def test_the_table_has_each_cpu_with_what_it_shares():
    table = topology_table(HOSTS["epyc"])
    assert len(table) == 232
    assert table.groupby("core").size().unique().tolist() == [2]
    assert table.groupby("cache").size().unique().tolist() == [8]
    assert table.groupby("cache")["numa_node"].nunique().max() == 1
    assert sorted(table["numa_node"].unique()) == [0, 1]


@pytest.mark.parametrize("width_in", [3.5, 7.0])
@pytest.mark.parametrize("host", HOSTS)
def test_every_cpu_has_a_cell_with_its_number_on_the_page(host, width_in):
    figure = draw_topology(topology_table(HOSTS[host]), width_in=width_in)
    assert not overlaps(figure)
    (axes,) = figure.axes
    numbers = {text.get_text() for text in axes.texts}
    assert {str(cpu) for cpu in HOSTS[host].cpu_ids} <= numbers
    assert f"NUMA node {HOSTS[host].cpus[0].numa_node}" in numbers
    page = figure.bbox.padded(1)
    for patch in axes.patches:
        box = patch.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        assert page.contains(box.x0, box.y0)
        assert page.contains(box.x1, box.y1)
    cells = [patch for patch in axes.patches if np.isclose(patch.get_linewidth(), 0.3)]
    assert len({patch.get_xy() for patch in cells}) == len(cells) == len(HOSTS[host])


@pytest.mark.parametrize("width_in", [3.5, 7.0])
@pytest.mark.parametrize("host", HOSTS)
def test_cells_have_the_colour_of_their_level(host, width_in):
    levels = [1.0, 1.5, 2.0, 3.0]
    table = owners(host, levels)
    figure = draw_topology(table, width_in=width_in)
    assert not overlaps(figure)
    cells = [patch for patch in figure.axes[0].patches if np.isclose(patch.get_linewidth(), 0.3)]
    colours = [to_hex(patch.get_facecolor()) for patch in cells]
    looks = palette.levels(levels)
    for level in levels:
        assert colours.count(looks[level].colour) == (table["level"] == level).sum()
    assert colours.count("#ffffff") == table["level"].isna().sum()
    assert legend_texts(figure) == ["vNode 1:1", "vNode 1.5:1", "vNode 2:1", "vNode 3:1", "free"]
    titles = [text.get_text().partition(":")[0] for text in figure.axes[0].texts]
    assert titles == ["1.5 min", "2 h"]


def test_shared_parts_counts_what_several_vnodes_use():
    table = owners("laptop", [1.0, 2.0])
    counted = shared_parts(table).set_index("moment_s")
    assert counted.loc[90.0].tolist() == [1, 0, 0, 0]
    later = table[table["moment_s"] == 7200]
    split = sum(rows["level"].nunique() > 1 for _, rows in later.groupby("core"))
    assert counted.loc[7200.0].tolist() == [later["level"].notna().sum(), split, 1, 1]


def test_a_recording_of_another_host_is_refused(tmp_path, monkeypatch):
    known = pd.DataFrame({"moment_s": [0.0], "time_s": [0], "level": [1.0], "cpu": [200]})
    monkeypatch.setattr(
        "slackanalysis.figures.plots.topology.read_cpus", lambda *_: known, raising=True
    )
    with pytest.raises(ValueError, match="CPU 200 is not on this topology"):
        owners_table(tmp_path / "x.csv", HOSTS["laptop"], [0.0])


def test_the_figure_is_saved_with_its_numbers(tmp_path):
    table = owners("laptop", [1.0])
    output = tmp_path / "cpus"
    saved = save_figure(
        draw_topology(table), table, output, formats=["svg"], printed=shared_parts(table)
    )
    assert [path.name for path in saved.paths] == ["cpus.svg", "cpus.csv", "cpus.tex"]
    assert len(pd.read_csv(saved.csv)) == 16
    table = topology_table(HOSTS["epyc"])
    output, printed = tmp_path / "host", topology_summary(table)
    host = save_figure(draw_topology(table), table, output, printed=printed)
    assert "1 & 16 & 64 & 128" in host.csv.with_suffix(".tex").read_text()
