"""Figures of a recording: what a reader sees, against numbers worked out by hand."""

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from drawings import legend_texts, overlaps
from slackanalysis.figures import palette
from slackanalysis.figures.plots.host_usage import (
    draw_host_usage,
    host_usage_summary,
    host_usage_table,
)
from slackanalysis.figures.plots.memory import draw_memory, memory_summary, memory_table
from slackanalysis.figures.plots.vm_count import draw_vm_count, vm_count_summary, vm_count_table
from slackanalysis.figures.plots.vm_usage import draw_vm_usage, vm_usage_summary
from slackanalysis.figures.saving import save_figure
from slackanalysis.recordings.vms import read_vm_use


def test_the_host_is_drawn_as_what_it_has_gives_and_uses(monitoring):
    figure = draw_host_usage(host_usage_table(monitoring))
    cpus, memory = figure.axes
    assert [list(line.get_ydata()) for line in cpus.lines] == [[8, 8, 8], [3, 2, 2], [1, 0.5, 0.5]]
    assert [list(line.get_ydata()) for line in memory.lines] == [
        [4, 4, 4],
        [2, 2, 2],
        [0.4, 0.4, 0.4],
    ]
    assert (cpus.get_ylabel(), memory.get_ylabel()) == ("CPUs", "Memory (GiB)")
    assert memory.get_xlabel() == "Time (s)"
    assert [line.get_linestyle() for line in cpus.lines] == [":", "-", "--"]
    assert legend_texts(figure) == [
        "Offered by the host",
        "Owned by vNodes, allocated to VMs",
        "In use",
    ]


def test_memory_is_stacked_up_from_the_lowest_level(monitoring):
    figure = draw_memory(memory_table(monitoring))
    (axes,) = figure.axes
    tops = [
        max(path.vertices[:, 1].max() for path in area.get_paths()) for area in axes.collections
    ]
    assert tops == [1, 2]
    whole, used = axes.lines
    assert list(whole.get_ydata()) == [4, 4, 4]
    assert list(used.get_ydata()) == [1, 1, 1]
    assert legend_texts(figure) == ["1:1", "3:1", "Offered by the host", "In use by all VMs"]
    colours = [to_rgb(look.colour) for look in palette.levels([1.0, 3.0]).values()]
    areas = [to_rgb(area.get_facecolor()[0]) for area in axes.collections]
    assert areas == colours


def test_vms_are_counted_per_level_and_in_all(monitoring):
    figure = draw_vm_count(vm_count_table(monitoring))
    (axes,) = figure.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines == {"all": [2, 2, 2], "1:1": [1, 0, 0], "3:1": [1, 2, 2]}
    assert legend_texts(figure) == ["all", "1:1", "3:1"]
    assert axes.get_ylabel() == "VMs"


def test_use_is_drawn_as_the_share_of_vms_that_use_at_most_so_much(monitoring):
    figure = draw_vm_usage(read_vm_use(monitoring))
    mean, busy = figure.axes
    third = mean.lines[1]
    assert list(third.get_xdata()) == [0, 12.5, 25, 100]
    assert list(third.get_ydata()) == [0, 50, 100, 100]
    assert legend_texts(figure) == ["1:1 (1 VM)", "3:1 (2 VMs)"]
    assert mean.get_xlim() == busy.get_xlim() == (0, 100)


@pytest.mark.parametrize(
    ("read", "draw", "summarise"),
    [
        (host_usage_table, draw_host_usage, host_usage_summary),
        (memory_table, draw_memory, memory_summary),
        (vm_count_table, draw_vm_count, vm_count_summary),
        (read_vm_use, draw_vm_usage, vm_usage_summary),
    ],
)
def test_every_figure_is_saved_with_its_numbers(tmp_path, monitoring, read, draw, summarise):
    table = read(monitoring)
    output = tmp_path / "new" / "figure"
    saved = save_figure(draw(table), table, output, printed=summarise(table))
    pdf, png, csv, tex = saved.paths
    assert pdf.read_bytes().startswith(b"%PDF")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(csv)) >= 2
    assert "\\toprule" in tex.read_text()


def test_a_figure_that_cannot_be_saved_leaves_the_older_one(tmp_path, monitoring, monkeypatch):
    table = vm_count_table(monitoring)
    saved = save_figure(draw_vm_count(table), table, tmp_path / "figure")
    before = {path: path.read_bytes() for path in tmp_path.glob("figure.*")}
    monitoring.write_text(monitoring.read_text().replace("\n15\t", "\n30\t"))
    changed = vm_count_table(monitoring)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="no space"):
        save_figure(draw_vm_count(changed), changed, tmp_path / "figure")
    assert {path: path.read_bytes() for path in tmp_path.glob("*figure.*")} == before
    assert saved.csv in before


@pytest.mark.parametrize(
    ("draw", "read"),
    [
        (draw_host_usage, host_usage_table),
        (draw_vm_count, vm_count_table),
        (draw_vm_usage, read_vm_use),
        (draw_memory, memory_table),
    ],
)
def test_figures_have_one_width_and_no_text_over_another(monitoring, draw, read):
    figure = draw(read(monitoring))
    assert figure.get_figwidth() == 7
    assert not overlaps(figure)
