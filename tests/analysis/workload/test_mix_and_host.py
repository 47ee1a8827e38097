"""A workload says what it allows, and a mix can be written in two ways."""

import pytest

from slackanalysis.workload.host import Workload
from slackanalysis.workload.mix import mix_text, parse_mix


def test_percent_are_of_levels_one_two_and_three():
    assert parse_mix("50-25-25") == {1.0: 0.5, 2.0: 0.25, 3.0: 0.25}


def test_shares_name_their_levels_in_any_order():
    assert parse_mix("1.5=.25, 1=0.75") == {1.0: 0.75, 1.5: 0.25}
    assert list(parse_mix("1.5=.25, 1=0.75")) == [1.0, 1.5]


def test_a_level_without_share_is_left_out():
    assert parse_mix("50-0-50") == {1.0: 0.5, 3.0: 0.5}


def test_thirds_may_be_rounded():
    mix = parse_mix("1=.333,2=.333,3=.333")
    assert sum(mix.values()) == pytest.approx(1)


@pytest.mark.parametrize("text", ["50-25-25", "0-0-100", "33-35-32", "1.0=0.125,2.0=0.875"])
def test_a_mix_is_written_as_it_is_read(text):
    assert mix_text(parse_mix(text)) == text


def test_a_mix_of_other_levels_is_written_in_shares():
    assert mix_text(parse_mix("1.5=.5,1=.5")) == "1.0=0.5,1.5=0.5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "50-25-25"),
        ("50-50", "50-25-25"),
        ("50-25-25-0", "50-25-25"),
        ("a-b-c", "50-25-25"),
        ("1=.5;2=.5", "1.0=.5,1.5=.5"),
        ("1=nan", "1.0=.5,1.5=.5"),
        ("1=-.5,2=1.5", "1.0=.5,1.5=.5"),
        ("1=.5,1.0=.5", "twice"),
        ("50-25-20", "add up to 0.95"),
        ("1=.5,2=.6", "add up to 1.1"),
        ("0.5=1", "level 0.5"),
        ("1.2345=1", "1.2345"),
    ],
)
def test_a_wrong_mix_is_reported_with_what_is_allowed(text, expected):
    with pytest.raises(ValueError, match=r"not allowed|decimals") as error:
        parse_mix(text)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"cpus": 0}, "CPUs 0"),
        ({"memory_mib": 0}, "MiB 0"),
        ({"duration_s": 14}, "a step is 15 s"),
        ({"duration_s": 10**12}, "1,000,000"),
        ({"step_s": 0}, "step in seconds 0"),
        ({"load": 0.0}, "load 0.0"),
        ({"load": float("nan")}, "load nan"),
        ({"load": 101.0}, "at most 100"),
        ({"seed": -1}, "seed -1"),
        ({"mix": {1.0: 0.4}}, "add up to 0.4"),
        ({"mix": {1.0: 1.5, 2.0: -0.5}}, "share -0.5 of level 2.0"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(wrong, expected):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        Workload(**wrong)
    assert expected in str(error.value)


def test_the_last_timestamp_is_within_the_duration():
    assert Workload(duration_s=30_000, step_s=15).steps == 2001
    assert Workload(duration_s=44, step_s=15).steps == 3
