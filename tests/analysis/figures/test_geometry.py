"""Every figure of inputs that are hard to draw: nothing hidden, nothing cut, nothing blank."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest

from drawings import problems
from slackanalysis.figures.examples import Example, examples
from slackanalysis.figures.notebooks import figure_names

OVER_TIME = ("vnode_evolution", "host_usage", "memory", "vm_count")
FIGURES = (
    *(*OVER_TIME, "vm_usage", "workers_saved", "unallocated", "policies", "scale"),
    *("reproduction", "levels_complement", "contention"),
)


@pytest.fixture(scope="module")
def by_figure(tmp_path_factory) -> Mapping[str, Sequence[Example]]:
    found = defaultdict(list)
    for example in examples(tmp_path_factory.mktemp("examples")):
        found[example.figure].append(example)
    return found


@pytest.mark.parametrize("width_in", [3.5, 7.0])
@pytest.mark.parametrize("figure", FIGURES)
def test_nothing_is_hidden_cut_or_blank(by_figure, figure, width_in):
    assert len(by_figure[figure]) >= 3
    wrong = {}
    for example in by_figure[figure]:
        drawn = example.draw(width_in)
        assert drawn.get_figwidth() == width_in
        found = problems(drawn, 0.8 if figure in OVER_TIME else 0.4)
        if found:
            wrong[example.input] = found
    assert not wrong


def test_every_figure_is_looked_at(by_figure):
    assert set(by_figure) == set(FIGURES)
    assert set(FIGURES) <= set(figure_names())


@pytest.mark.parametrize("width_in", [1.0, 20.0, float("nan")])
def test_a_width_that_nobody_prints_is_refused(by_figure, width_in):
    with pytest.raises(ValueError, match=r"width_in .* is not allowed: 3 to 14 inches"):
        by_figure["memory"][0].draw(width_in)
