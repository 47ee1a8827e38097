"""What systemd hears, on a real socket."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slackvm.daemon import systemd as notify


@pytest.fixture(params=["file", "abstract"])
def systemd(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    path = f"@slackvm-test-{os.getpid()}" if request.param == "abstract" else f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path.replace("@", "\0"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


def silent(systemd: socket.socket) -> bool:
    """Tell whether systemd hears nothing in a while."""
    systemd.settimeout(0.3)
    try:
        systemd.recv(1000)
    except TimeoutError:
        return True
    return False


def test_systemd_hears_what_the_daemon_does(systemd: socket.socket) -> None:
    notify.ready("serving 3 VMs")
    assert systemd.recv(1000) == b"READY=1\nSTATUS=serving 3 VMs"
    notify.status("libvirt is away\nREADY=0")
    assert systemd.recv(1000) == b"STATUS=libvirt is away READY=0"
    notify.stopping()
    assert systemd.recv(1000) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "none", "/nowhere/notify", "@nobody-listens"])
def test_without_systemd_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.ready("serving")


class TestWatchdog:
    """Keepalives."""

    @pytest.fixture(autouse=True)
    def expected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Systemd expects one each 0.2 s from this process."""
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

    def test_they_come_while_the_daemon_is_alive(self, systemd: socket.socket) -> None:
        alive = threading.Event()
        alive.set()
        watchdog = notify.Watchdog(alive.is_set)
        watchdog.start()
        begun = time.monotonic()
        assert [systemd.recv(1000) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        assert time.monotonic() > begun + 0.2
        alive.clear()
        silent(systemd)  # or one more, sent before
        assert silent(systemd)
        alive.set()
        systemd.settimeout(5)
        assert systemd.recv(1000) == b"WATCHDOG=1"
        watchdog.stop()

    def test_a_check_that_raises_says_no(self, systemd: socket.socket) -> None:
        def broken() -> bool:
            raise RuntimeError("broken")

        watchdog = notify.Watchdog(broken)
        watchdog.start()
        assert silent(systemd)
        watchdog.stop()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("WATCHDOG_PID", "1"),
            ("WATCHDOG_USEC", ""),
            ("WATCHDOG_USEC", "0"),
            ("WATCHDOG_USEC", "soon"),
        ],
    )
    def test_none_come_where_none_are_expected(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        assert notify.watchdog_interval() is None

    def test_without_a_process_named_it_is_this_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WATCHDOG_PID")
        assert notify.watchdog_interval() == 0.1
