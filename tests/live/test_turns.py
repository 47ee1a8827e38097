"""One operation after another."""

import threading

import pytest

from schedulerlocal.agent import operation_lock as turns
from schedulerlocal.agent.operation_lock import BusyError, OperationLock
from waiting import wait_until


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes 50 ms is taken for hung."""
    monkeypatch.setattr(turns, "HANGS_S", 0.05)


def test_a_turn_that_goes_on_and_on_hangs_until_it_ends() -> None:
    present = OperationLock(timeout_s=1)
    with present.next():
        assert not present.hangs
        wait_until(lambda: present.hangs)
    assert not present.hangs


def test_what_is_waited_for_elsewhere_does_not_count() -> None:
    """It keeps a limit of its own; what is done after it counts from then on."""
    present = OperationLock(timeout_s=1)
    with present.next():
        with present.elsewhere():
            assert not threading.Event().wait(0.2)
            assert not present.hangs
        assert not present.hangs
        wait_until(lambda: present.hangs)


def test_who_waits_for_too_long_is_told_so_and_the_turn_still_hangs() -> None:
    present = OperationLock(timeout_s=0.1)
    with present.next():
        with pytest.raises(BusyError, match=r"more than 0\.1 s"), present.next():
            pass
        assert present.hangs
    with present.next():
        assert not present.hangs
