"""Colours, marks and hatches: bound to names, and distinguishable without colour."""

from itertools import combinations, pairwise

import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

from slackanalysis.figures import palette
from slackanalysis.figures.style import WHOLE

EIGHT = [1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 8.0]
SIX = ["ovhcloud2023", "azure2017", "huawei-east-1", "bitbrains", "alibaba-2018", "mine"]


def lightness(colour: str) -> float:
    """Return CIE L* of a colour: how light it is on a printer without colour."""
    parts = to_rgb(colour)
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * luminance ** (1 / 3) - 16


def test_a_level_looks_the_same_whatever_else_is_drawn():
    together = palette.levels(EIGHT)
    assert list(together) == sorted(EIGHT)
    for level in EIGHT:
        assert palette.levels([level]) == {level: together[level]}


def test_a_provider_looks_the_same_whatever_else_is_drawn():
    for name in SIX:
        alone = palette.providers([name])[name]
        for known in (SIX[:2], SIX[:1], SIX[1:2]):
            assert palette.providers([*known, name])[name] == alone


@pytest.mark.parametrize("looks", [palette.levels(EIGHT), palette.providers(SIX)])
def test_names_differ_in_colour_mark_and_hatch(looks):
    for part in ("colour", "marker", "hatch"):
        assert len({getattr(look, part) for look in looks.values()}) == len(looks)


def test_as_many_providers_as_there_are_places_all_differ():
    names = [f"provider-{number}" for number in range(12)]
    assert len(set(palette.providers([*names, *SIX[:2]]).values())) == 14


def test_more_names_than_places_are_drawn_all_the_same():
    assert len(palette.providers([f"provider-{number}" for number in range(30)])) == 30
    assert len(palette.levels([1 + number / 7 for number in range(30)])) == 30


def test_levels_differ_in_grey():
    for one, other in combinations(palette.levels([1.0, 2.0, 3.0]).values(), 2):
        assert abs(lightness(one.colour) - lightness(other.colour)) > 15
    greys = sorted(lightness(look.colour) for look in palette.levels(EIGHT).values())
    assert all(higher - lower > 3 for lower, higher in pairwise(greys))
    assert greys[-1] < 80, "a line must be seen on white"


def test_no_level_is_grey_as_what_is_not_one_levels():
    for look in palette.levels([*EIGHT, 5.0, 6.0, 7.0, 10.0]).values():
        red, green, blue = to_rgb(look.colour)
        assert max(red, green, blue) - min(red, green, blue) > 0.15
        assert look.colour not in WHOLE


def test_marks_and_hatches_are_known_to_matplotlib():
    axes = Figure().subplots()
    for look in (*palette.levels(EIGHT).values(), *palette.providers(SIX).values()):
        assert MarkerStyle(look.marker).is_filled()
        axes.bar(0, 1, hatch=look.hatch)
