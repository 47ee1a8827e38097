"""Fig. 3: what is drawn and what is saved."""

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from drawings import legend_texts
from slackanalysis.figures.plots.vnode_evolution import (
    draw_vnode_evolution,
    vnode_evolution_table,
)
from slackanalysis.figures.saving import save_figure


def evolution(owned: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time_s": [0, 0, 15_000, 15_000],
            "elapsed_s": [0, 0, 15_000, 15_000],
            "level": [1.0, 1.5, 1.0, 1.5],
            "owned_cpus": [0, 0, owned, owned / 2],
            "used_cpus": [0.0, 0.0, owned / 4, owned / 8],
        }
    )


def test_each_vnode_has_a_solid_line_and_a_dashed_one_of_its_colour():
    (axes,) = draw_vnode_evolution(evolution(100)).axes
    in_use, owned = axes.lines[:2], axes.lines[2:]
    assert [list(line.get_ydata()) for line in owned] == [[0, 100, 100], [0, 50, 50]]
    assert [list(line.get_ydata()) for line in in_use] == [[0, 25, 25], [0, 12.5, 12.5]]
    assert all(line.get_linestyle() == "-" for line in owned)
    assert all(line.get_linestyle() == "--" for line in in_use)
    colours = [to_rgb(line.get_color()) for line in axes.lines]
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]


def test_the_legend_names_levels_and_strokes():
    assert legend_texts(draw_vnode_evolution(evolution(100))) == [
        "vNode 1:1",
        "vNode 1.5:1",
        "CPUs owned",
        "CPUs in use",
    ]


@pytest.mark.parametrize(("owned", "top"), [(125, 140), (200, 210), (8, 8.4), (0, 1)])
def test_the_axis_of_cpus_is_the_published_one_where_it_fits(owned, top):
    (axes,) = draw_vnode_evolution(evolution(owned)).axes
    assert axes.get_ylim() == pytest.approx((0, top))
    assert axes.get_xlim() == pytest.approx((0, 30_000 / 3600))
    assert axes.get_xlabel() == "Time (h)"


def test_the_figure_is_saved_twice_and_its_numbers_once(tmp_path, monitoring, vnodes_csv):
    table = vnode_evolution_table(monitoring)
    saved = save_figure(draw_vnode_evolution(table), table, tmp_path / "new" / "fig.3")
    assert saved.csv == tmp_path / "new" / "fig.3.csv"
    assert saved.csv.read_text() == vnodes_csv
    pdf, png, *_ = saved.paths
    assert pdf.read_bytes().startswith(b"%PDF")
    assert png.read_bytes() == saved.image
    assert saved.image.startswith(b"\x89PNG")


def test_the_same_recording_gives_the_same_files(tmp_path, monitoring):
    table, same = vnode_evolution_table(monitoring), vnode_evolution_table(str(monitoring))
    first = save_figure(draw_vnode_evolution(table), table, tmp_path / "a")
    second = save_figure(draw_vnode_evolution(same), same, str(tmp_path / "b"))
    for one, other in zip(first.paths, second.paths, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_an_instant_can_be_drawn(monitoring):
    (axes,) = draw_vnode_evolution(vnode_evolution_table(monitoring, until_s=1)).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1]] * 4


def test_a_long_recording_can_be_drawn_in_part(tmp_path, monitoring, vnodes_csv):
    table = vnode_evolution_table(monitoring, until_s=14)
    saved = save_figure(draw_vnode_evolution(table), table, tmp_path / "part")
    assert saved.csv.read_text().splitlines() == vnodes_csv.splitlines()[:3]


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"until_s": -1}, "until_s -1 is not allowed"),
        ({"from_s": -1}, "from_s -1 is not allowed"),
        ({"from_s": 20, "until_s": 20}, "until_s 20 is not allowed: more than from_s"),
        ({"from_s": 20}, "no vNode in it from 20 s after the first sample.* from 0 s to 15 s"),
    ],
)
def test_a_window_without_samples_is_refused(monitoring, window, reason):
    with pytest.raises(ValueError, match=reason):
        vnode_evolution_table(monitoring, **window)
