"""One operation at a time."""

import threading

import pytest

from schedulerlocal.agent import operation_lock
from schedulerlocal.agent.errors import BusyError
from schedulerlocal.agent.operation_lock import OperationLock
from waiting import wait_until


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that takes 50 ms counts as hung."""
    monkeypatch.setattr(operation_lock, "HANGS_S", 0.05)


def test_an_operation_that_takes_too_long_hangs_until_it_ends() -> None:
    lock = OperationLock(timeout_s=1)
    with lock.held():
        assert not lock.hangs
        wait_until(lambda: lock.hangs)
    assert not lock.hangs


def test_an_external_wait_does_not_count() -> None:
    """It has its own limit; the time counts from its end on."""
    lock = OperationLock(timeout_s=1)
    with lock.held():
        with lock.external_wait():
            assert not threading.Event().wait(0.2)
            assert not lock.hangs
        assert not lock.hangs
        wait_until(lambda: lock.hangs)


def test_an_operation_that_waits_too_long_gets_an_error() -> None:
    lock = OperationLock(timeout_s=0.1)
    with lock.held():
        with pytest.raises(BusyError, match=r"more than 0\.1 s"), lock.held():
            pass
        assert lock.hangs
    with lock.held():
        assert not lock.hangs
