"""Which resource a level runs out of first."""

import numpy as np
import pytest

from drawings import legend_texts, overlaps
from slackanalysis.figures.plots.levels_complement import draw_levels_complement
from slackanalysis.sizing.complement import of_catalogues, of_requests
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM

SIZE = HostSize(32, 131_072)


def test_catalogues_are_as_counted_by_hand():
    """OVHcloud: 500 VMs have 1,650 vCPUs and 5,175 GiB, 3,145 GiB where capped at 8 each."""
    table = of_catalogues(CATALOGUES.values(), [1.0, 3.0], SIZE).set_index(["provider", "level"])
    assert table.loc[("ovhcloud2023", 1.0), "gib_per_cpu"] == pytest.approx(5175 / 1650)
    capped = 135 * 7 + 105 * 4 + 100 * 8 + 70 * 8 + 50 * 2 + 25 * 8 + 15 * 8
    vcpus = 135 * 2 + 105 * 2 + 100 * 4 + 70 * 4 + 50 + 25 * 8 + 15 * 16
    assert table.loc[("ovhcloud2023", 3.0), "gib_per_cpu"] == pytest.approx(3 * capped / vcpus)


def test_what_is_full_first_leaves_the_other():
    table = of_catalogues(CATALOGUES.values(), [1.0, 2.0, 3.0], SIZE)
    for row in table.itertuples():
        is_memory = row.gib_per_cpu > 4
        assert row.full_first == ("memory" if is_memory else "CPUs")
        left = (row.cpus_left_percent, row.memory_left_percent)
        cpus_left = 100 * (1 - 4 / row.gib_per_cpu) if is_memory else 0
        memory_left = 0 if is_memory else 100 * (1 - row.gib_per_cpu / 4)
        assert left == pytest.approx((cpus_left, memory_left))
    of_level = table.groupby("level")["full_first"].unique().map(list).to_dict()
    assert of_level == {1.0: ["CPUs"], 2.0: ["CPUs"], 3.0: ["memory"]}


def test_requests_count_by_their_lifetime():
    vms = [VM("a", 2, 4096, 2.0), VM("b", 4, 2048, 2.0), VM("c", 1, 1024, 1.0)]
    lists = [
        RequestList({"provider": "mine"}, vms, np.zeros(3), np.array([30.0, 10.0, 5.0])),
        RequestList({"provider": "other"}, vms[2:], np.zeros(1), np.array([5.0])),
    ]
    table = of_requests(lists, SIZE).set_index(["provider", "level"])
    assert list(table.index) == [("mine", 1.0), ("mine", 2.0), ("other", 1.0)]
    assert table.loc[("mine", 2.0), "gib_per_cpu"] == pytest.approx((4 * 30 + 2 * 10) / (30 + 20))
    assert table.loc[("other", 1.0), "gib_per_cpu"] == 1


@pytest.mark.parametrize("levels", [[], [0.5]])
def test_levels_below_1_are_refused(levels):
    with pytest.raises(ValueError, match="each 1 or more"):
        of_catalogues(CATALOGUES.values(), levels, SIZE)


def test_the_figure_tells_which_side_of_the_host_a_level_is_on():
    table = of_catalogues(CATALOGUES.values(), [1.0, 2.0, 3.0], SIZE)
    figure = draw_levels_complement(table, SIZE)
    ratio, left = figure.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in ratio.lines}
    assert lines["Host: 4 GiB per CPU"] == [4, 4]
    ovh = table[table["provider"] == "ovhcloud2023"]["gib_per_cpu"].tolist()
    assert lines["OVHcloud 2023"] == pytest.approx(ovh)
    widths = sorted(round(bar.get_width(), 6) for bar in left.patches if bar.get_width())
    wanted = sorted([*-table["cpus_left_percent"], *table["memory_left_percent"]])
    assert widths == pytest.approx([width for width in wanted if width])
    assert legend_texts(figure) == ["OVHcloud 2023", "Azure 2017", "Host: 4 GiB per CPU"]
    assert not overlaps(figure)
