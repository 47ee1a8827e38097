"""VM requests, levels, and the size of a vNode."""

import math

import pytest

from slackvm.model.vm import VM, milli_level, size_in_cpus


@pytest.mark.parametrize(
    ("level", "allocation", "largest", "size"),
    [(1.4, 21, 2, 15), (1.1, 11, 1, 10), (3.0, 7, 2, 3), (2.0, 2, 2, 2), (1.5, 0, 0, 0)],
)
def test_a_vnode_is_as_large_as_the_rule_says(
    level: float, allocation: int, largest: int, size: int
) -> None:
    """In floats ceil(21 / 1.4) would be 16."""
    assert size_in_cpus(allocation, largest, milli_level(level)) == size


@pytest.mark.parametrize("level", [0.5, 0.999, 0, -1, math.nan, math.inf, 1.0001, 1e300])
def test_an_invalid_level_is_named(level: float) -> None:
    with pytest.raises(ValueError, match=r"level .* is not allowed"):
        VM("vm", 1, 1, level)


@pytest.mark.parametrize("amount", [0, -2, 2.5, True, 10**10, "2", None])
def test_an_invalid_size_is_named(amount: int) -> None:
    with pytest.raises(ValueError, match=r"vcpus .* is not allowed"):
        VM("vm", amount, 1, 1.0)
    with pytest.raises(ValueError, match=r"memory .* is not allowed"):
        VM("vm", 1, amount, 1.0)


@pytest.mark.parametrize("name", ["", "a\nb", "a\tb", "\x00", "\ud800"])
def test_a_name_that_cannot_be_printed_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name .* is not allowed"):
        VM(name, 1, 1, 1.0)


def test_a_whole_level_is_kept_as_a_float() -> None:
    """So that it is written `2.0`, also where it was given as 2."""
    assert str(VM("vm", 1, 1, 2).level) == "2.0"
