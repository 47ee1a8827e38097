"""Figures on disk: formats, fonts, numbers beside them."""

import re
import zlib

import pandas as pd
import pytest

from sizings import sizings
from slackanalysis.figures.latex import latex_table, summary_over_time
from slackanalysis.figures.plots.vm_count import draw_vm_count, vm_count_summary, vm_count_table
from slackanalysis.figures.plots.vnode_evolution import draw_vnode_evolution, vnode_evolution_table
from slackanalysis.figures.plots.workers_saved import draw_workers_saved
from slackanalysis.figures.saving import output_paths, save_figure
from slackanalysis.sweep.reproduction import beside_published


def objects(pdf: bytes) -> bytes:
    """Return a PDF with what is compressed in it unpacked."""
    unpacked = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            unpacked.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(unpacked)


def test_fonts_are_truetype(tmp_path, monitoring):
    evolution, published = vnode_evolution_table(monitoring), beside_published(sizings())
    for saved in (
        save_figure(draw_vnode_evolution(evolution), evolution, tmp_path / "a"),
        save_figure(draw_workers_saved(published), published, tmp_path / "b"),
    ):
        (pdf,) = (path for path in saved.paths if path.suffix == ".pdf")
        inside = objects(pdf.read_bytes())
        assert b"/Type3" not in inside
        assert b"/FontFile2" in inside


def test_text_of_an_svg_is_text(tmp_path, monitoring):
    table = vnode_evolution_table(monitoring)
    saved = save_figure(draw_vnode_evolution(table), table, tmp_path / "a", formats=["svg"])
    svg = saved.paths[0].read_text()
    assert "vNode 1:1</text>" in svg


def test_equal_inputs_give_equal_bytes(tmp_path, monitoring):
    tables = {name: vnode_evolution_table(monitoring) for name in ("a", "b")}
    one, other = (
        save_figure(
            draw_vnode_evolution(table), table, tmp_path / name, formats=["svg", "pdf", "png"]
        )
        for name, table in tables.items()
    )
    assert [path.name for path in one.paths] == ["a.svg", "a.pdf", "a.png", "a.csv", "a.tex"]
    assert one.image == other.image
    for path, same in zip(one.paths, other.paths, strict=True):
        assert path.read_bytes() == same.read_bytes()


@pytest.mark.parametrize("width_in", [3.5, 7.0])
def test_a_figure_is_as_wide_as_asked_for(tmp_path, monitoring, width_in):
    table = vm_count_table(monitoring)
    figure = draw_vm_count(table, width_in=width_in)
    saved = save_figure(figure, table, tmp_path / "a", formats=["svg"])
    assert f'width="{72 * width_in:g}pt"' in saved.paths[0].read_text()
    assert int.from_bytes(saved.image[16:20], "big") == 300 * width_in


@pytest.mark.parametrize("formats", ["pdf", ["eps"], ["pdf", "gif"], []])
def test_other_formats_are_refused(tmp_path, monitoring, formats):
    if formats == "pdf":
        assert output_paths("a", formats) == output_paths("a", ["pdf"])
        return
    table = vm_count_table(monitoring)
    with pytest.raises(ValueError, match=r"is not allowed: one or more of pdf, png, svg"):
        save_figure(draw_vm_count(table), table, tmp_path / "a", formats=formats)
    assert not list(tmp_path.glob("a*"))


def test_tables_for_latex_are_escaped_and_have_intervals():
    table = pd.DataFrame(
        {
            "provider": ["50%_cloud & co", "b"],
            "memory_mib": [1024, 2048],
            "gain_percent": [3.14159, 2.0],
            "gain_percent_low": [2.5, float("nan")],
            "gain_percent_high": [4.0, float("nan")],
            "gain_percent_min": [1.0, 1.0],
            "gain_percent_max": [5.0, 3.0],
            "gain_percent_seeds": [None, "1 3"],
        }
    )
    lines = latex_table(table).splitlines()
    assert lines[2] == "\\toprule"
    assert lines[3] == r"provider & memory (MiB) & gain (\%) \\"
    assert lines[5] == r"50\%\_cloud \& co & 1024 & 3.14 [2.50, 4.00] \\"
    assert lines[6] == r"b & 2048 & 2.00 (1.00 to 3.00) \\"


def test_a_table_over_time_is_summarised_for_paper(tmp_path, monitoring):
    table = vm_count_table(monitoring)
    saved = save_figure(
        draw_vm_count(table), table, tmp_path / "a", printed=vm_count_summary(table)
    )
    body = saved.paths[-1].read_text().split("\\midrule")[1]
    assert "3:1 & VMs & 2 & 1 & 1.50 & 2 & 2" in body
    summary = summary_over_time(pd.DataFrame({"elapsed_s": [0, 1], "x": [3, 1]}), ["x"])
    assert summary.to_dict("records") == [
        {"quantity": "x", "samples": 2, "least": 1, "mean": 2.0, "largest": 3, "last": 1}
    ]
