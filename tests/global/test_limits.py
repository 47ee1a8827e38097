"""The limits of the controller leave something to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulerglobal.limits import LIMITS, ControllerLimits
from slackvm.api.endpoint import Lane
from slackvm.http.engine.limits import FEWEST_WAITING, RESERVED_FILES, Limits


def test_no_host_takes_all_threads() -> None:
    threads = LIMITS.http.lanes[Lane.CHANGE].threads
    assert LIMITS.per_host + LIMITS.waiting_per_host <= threads / 2
    assert LIMITS.stops_per_host < LIMITS.per_host


def test_a_host_has_room_for_all_that_the_controller_sends_it() -> None:
    lane = Limits().lanes[Lane.CHANGE]
    assert LIMITS.per_host <= lane.threads + lane.queue


@pytest.mark.parametrize(
    ("name", "value"),
    [("per_host", 17), ("stops_per_host", 9), ("failing_polls", 0)],
)
def test_limits_that_contradict_each_other_are_an_error(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"the limit {name} is {value}; it must be at least 1"):
        ControllerLimits(**{name: value})


@given(st.integers(1, 100_000))
def test_files_are_enough_for_clients_and_hosts_together(files: int) -> None:
    """Whatever the limit: either it is refused, with what is needed, or nobody runs out of it."""
    http = LIMITS.http
    try:
        idle = LIMITS.idle_connections(files)
    except ValueError as error:
        needed = int(str(error).partition("and needs ")[2].partition(";")[0])
        assert files < needed
        assert LIMITS.idle_connections(needed) >= 1
        return
    waiting = http.waiting_connections(files)
    assert waiting >= FEWEST_WAITING
    assert idle >= 1
    assert RESERVED_FILES + waiting + http.requests + LIMITS.host_requests + idle <= files
