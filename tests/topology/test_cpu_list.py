"""Linux CPU lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackvm.topologies import TopologyError, format_cpu_list, parse_cpu_list


@given(st.sets(st.integers(0, 8191)))
def test_a_formatted_list_reads_back_as_the_same_cpus(cpus: set[int]) -> None:
    assert parse_cpu_list(format_cpu_list(cpus)) == tuple(sorted(cpus))


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("", ()),
        ("\n", ()),
        ("7\n", (7,)),
        ("0-3,8", (0, 1, 2, 3, 8)),
        (" 8 , 0-1 ", (0, 1, 8)),
        ("2,1-3,2", (1, 2, 3)),
        ("8191", (8191,)),
    ],
)
def test_a_list_gives_its_cpus_ascending_each_once(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpu_list(text) == cpus


@pytest.mark.parametrize(
    ("cpus", "text"), [((), ""), ((5,), "5"), ((3, 1, 2, 9), "1-3,9"), ((0, 1, 3, 4), "0-1,3-4")]
)
def test_cpus_are_written_as_the_shortest_list(cpus: tuple[int, ...], text: str) -> None:
    assert format_cpu_list(cpus) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "'x' is no number or range"),
        ("1,,2", "'' is no number or range"),
        ("1,", "'' is no number or range"),
        ("-1", "'-1' is no number or range"),
        ("1-2-3", "'1-2-3' is no number or range"),
        ("0-31:1/2", "no number or range"),
        ("\u0661", "no number or range"),
        ("5-3", "'5-3' runs backward; write it as 3-5"),
        ("8192", "goes beyond 8191"),
        ("0-999999999999", "goes beyond 8191"),
        ("9" * 100_000, "goes beyond 8191"),
    ],
)
def test_a_wrong_list_is_refused_with_its_wrong_part(text: str, message: str) -> None:
    with pytest.raises(TopologyError) as refused:
        parse_cpu_list(text)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 250


@given(st.text(alphabet="0123456789-, x", max_size=30))
def test_any_text_gives_cpus_or_a_topology_error(text: str) -> None:
    try:
        cpus = parse_cpu_list(text)
    except TopologyError:
        return
    assert list(cpus) == sorted(set(cpus))
