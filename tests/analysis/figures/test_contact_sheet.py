"""The page that shows figures of inputs that are hard to draw."""

import re

from click.testing import CliRunner

from slackanalysis.figures.contact_sheet import main


def test_the_page_shows_a_picture_of_each_input_at_each_width(tmp_path):
    result = CliRunner().invoke(main, [str(tmp_path / "sheet"), "--figure", "reproduction"])
    assert result.exit_code == 0, result.output
    page = tmp_path / "sheet" / "index.html"
    assert str(page) in result.output
    pictures = re.findall(r'<img src="([^"]+)"', page.read_text())
    assert len(pictures) == 6
    for picture in pictures:
        assert (page.parent / picture).read_bytes().startswith(b"\x89PNG")


def test_a_figure_that_there_is_not_is_refused(tmp_path):
    result = CliRunner().invoke(main, [str(tmp_path / "sheet"), "--figure", "memroy"])
    assert result.exit_code == 2
    assert "no figure 'memroy'; there are: contention" in result.output
    assert not (tmp_path / "sheet").exists()
