"""Time of recordings: since the first sample, in a sensible unit, with the date where it is one."""

import pandas as pd
import pytest

from slackanalysis.figures.plots.host_usage import draw_host_usage, host_usage_table
from slackanalysis.figures.plots.memory import draw_memory, memory_table
from slackanalysis.figures.plots.vm_count import draw_vm_count, vm_count_table
from slackanalysis.figures.plots.vnode_evolution import draw_vnode_evolution, vnode_evolution_table
from slackanalysis.recordings.time import TimeSpan, in_window, since_first_sample
from slackanalysis.sweep.reproduced import check_fig_3

LIVE_S = 1_795_839_810
"""28 November 2026, 04:23:30 UTC: what a live host's recording begins with."""

FIGURES = [
    (vnode_evolution_table, draw_vnode_evolution),
    (host_usage_table, draw_host_usage),
    (memory_table, draw_memory),
    (vm_count_table, draw_vm_count),
]


def span(*time_s: float) -> TimeSpan:
    return TimeSpan.of(since_first_sample(pd.DataFrame({"time_s": time_s})))


@pytest.fixture
def live(monitoring):
    """The same recording with the clock of a live host."""
    text = monitoring.read_text()
    for time_s in (15, 0):
        text = text.replace(f"\n{time_s}\t", f"\n{LIVE_S + time_s}\t")
    path = monitoring.with_name("live.csv")
    path.write_text(text)
    return path


@pytest.mark.parametrize(("table", "draw"), FIGURES)
def test_a_live_recording_is_drawn_as_a_replay_is(monitoring, live, table, draw):
    ours, theirs = draw(table(live)), draw(table(monitoring))
    for axes, other in zip(ours.axes, theirs.axes, strict=True):
        assert axes.get_xlim() == other.get_xlim() == (0, 30)
        drawn = [line.get_xydata().tolist() for line in axes.lines]
        assert drawn == [line.get_xydata().tolist() for line in other.lines]
        assert all(x[0] <= 30 for line in drawn for x in line)
    assert ours.axes[-1].get_xlabel() == "Time since 2026-11-28 04:23:30 UTC (s)"
    assert theirs.axes[-1].get_xlabel() == "Time (s)"


@pytest.mark.parametrize(("table", "draw"), FIGURES)
def test_a_window_counts_from_the_first_sample(live, table, draw):
    part = table(live, until_s=14)
    assert set(part["time_s"]) == {LIVE_S}
    assert set(part["elapsed_s"]) == {0}
    rest = table(live, from_s=15)
    assert set(rest["elapsed_s"]) == {15}
    assert draw(rest).axes[0].get_xlim() == (15, 16)
    with pytest.raises(ValueError, match=r"live.csv: no (sample|vNode).* from 16 s"):
        table(live, from_s=16)


def test_claims_count_from_the_first_sample(monitoring, live):
    pd.testing.assert_frame_equal(check_fig_3(live, "", ""), check_fig_3(monitoring, "", ""))
    assert check_fig_3(live, "", "")["ours"].notna().any()


@pytest.mark.parametrize(
    ("last_s", "label"),
    [
        (60, "Time (s)"),
        (3_000, "Time (min)"),
        (30_000, "Time (h)"),
        (7 * 86_400, "Time (days)"),
    ],
)
def test_the_unit_is_one_that_the_span_has_several_of(last_s, label):
    found = span(0, last_s / 2, last_s)
    assert found.label == label
    assert 3 <= found.in_units([found.end_s])[0] <= 200


def test_a_clock_that_is_no_date_is_not_taken_for_one():
    assert span(500, 510).label == "Time since the first sample (s)"
    assert span(LIVE_S * 1000, LIVE_S * 1000 + 10).start is None
    assert span(LIVE_S, LIVE_S + 40_000).label == "Time since 2026-11-28 04:23 UTC (h)"


def test_the_last_sample_stands_for_as_long_as_others():
    assert span(7, 22, 37, 52).end_s == 60
    assert span(7).end_s == 1


def test_both_ends_belong_to_a_window():
    table = pd.DataFrame({"elapsed_s": [0, 10, 20, 30]})
    assert in_window(table, 10, 20)["elapsed_s"].tolist() == [10, 20]
    assert in_window(table, 10)["elapsed_s"].tolist() == [10, 20, 30]
