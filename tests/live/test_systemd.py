"""What systemd hears of the daemon, and how it ends when systemd asks it to."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
import requests

from libvirt_hosts.hosts import LibvirtHost
from live.daemons import START_S, Daemon, serving
from live.selections import Hold
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

LAPTOP = "--topology=i7-1185g7"
SIGN = "WATCHDOG=1"
PERIOD_S = 0.2


class Systemd:
    """The socket on which systemd listens."""

    def __init__(self) -> None:
        self._address = f"@slackvm-systemd-{os.getpid()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._address.replace("@", "\0"))
        self.environment = {
            "NOTIFY_SOCKET": self._address,
            "WATCHDOG_USEC": str(int(2 * PERIOD_S * 1e6)),
        }

    def hear(self, seconds: float = START_S) -> str:
        """Return the next message.

        Raises:
            TimeoutError: none came.
        """
        self._socket.settimeout(seconds)
        return self._socket.recv(4096).decode()

    def hear_until(self, beginning: str) -> tuple[list[str], str]:
        """Return the messages until one begins so, and that one."""
        before: list[str] = []
        while not (message := self.hear()).startswith(beginning):
            before.append(message)
        return before, message

    def is_silent(self) -> bool:
        """Return whether no keepalive comes, after those that were already sent."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            pass
        try:
            self.hear(10 * PERIOD_S)
        except TimeoutError:
            return True
        return False

    def listen_no_more(self) -> None:
        """Let messages wait until no further one can be sent."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(self._address.replace("@", "\0"))
            sender.setblocking(False)
            try:
                while sender.send(b"FILLS=1"):
                    pass
            except BlockingIOError:
                pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    listening = Systemd()
    yield listening
    listening.close()


@pytest.fixture
def hold(tmp_path: Path) -> Hold:
    return Hold(tmp_path)


@contextmanager
def held_deploy(daemon: Daemon, hold: Hold, name: str) -> Iterator[Callable[[], requests.Response]]:
    """Hold a deploy; the yielded function lets it continue and returns its reply."""
    hold.begin()
    with ThreadPoolExecutor(1) as clients:
        answer = clients.submit(daemon.deploy, name, 2, 1.0)
        try:
            wait_until(lambda: hold.is_felt)

            def go_on() -> requests.Response:
                hold.end()
                return answer.result()

            yield go_on
        finally:
            if not answer.done():
                hold.end()


def listens(daemon: Daemon) -> bool:
    try:
        return requests.get(f"{daemon.url}/healthz", timeout=START_S).ok
    except requests.ConnectionError:
        return False


def test_it_is_ready_once_it_serves_the_vms_that_it_found(
    systemd: Systemd, hold: Hold, tmp_path: Path
) -> None:
    """Not while it still takes its VMs in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"SCL_PORT": str(port), **systemd.environment, **hold.environment}
    with serving(tmp_path, LAPTOP, **environment) as daemon:
        ready = systemd.hear_until("READY=1")[1]
        assert ready == f"READY=1\nSTATUS=serving http://127.0.0.1:{port}, ready"
        daemon.deploy("a", 2, 1.0)
        daemon.end()
        systemd.hear_until("STOPPING=1")
        # Without it the CPUs of VMs are chosen from scratch.
        (tmp_path / "state" / "state.json").unlink()
        hold.begin()
        daemon.launch()
        wait_until(lambda: hold.is_felt)
        assert systemd.is_silent()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        hold.end()
        before, _ = systemd.hear_until("READY=1")
        assert before == []
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=START_S).ok
        assert requests.get(f"http://127.0.0.1:{port}/listvm", timeout=START_S).json() == ["a"]
        assert daemon.end() == 0


def test_keepalives_come_while_it_works_and_not_while_an_operation_hangs(
    systemd: Systemd, hold: Hold, tmp_path: Path
) -> None:
    with serving(tmp_path, LAPTOP, **systemd.environment, **hold.environment) as daemon:
        systemd.hear_until("READY=1")
        assert [systemd.hear() for _ in range(3)] == [SIGN] * 3
        with held_deploy(daemon, hold, "a") as go_on:
            wait_until(lambda: systemd.is_silent() and "event=not_alive" in daemon.log_text, 60)
            # Whoever reads is served all the same.
            assert daemon.get("/listvm") == []
            assert go_on().status_code == 201
        assert systemd.hear_until(SIGN)
        assert daemon.end() == 0


def test_a_libvirt_that_hangs_is_reported_and_causes_no_restart(
    systemd: Systemd, new_libvirt_host: Callable[..., LibvirtHost], tmp_path: Path
) -> None:
    host = new_libvirt_host()
    libvirt = {"SCL_HYPERVISOR": "libvirt", "QEMU_URL": host.uri}
    with serving(tmp_path, LAPTOP, **systemd.environment, **libvirt) as daemon:
        assert systemd.hear_until("READY=1")[1].endswith(", ready")
        host.pause()
        _, status = systemd.hear_until("STATUS=not_ready: ")
        assert "libvirt" in status
        assert daemon.call("GET", "/readyz").status_code == 503
        assert [systemd.hear() for _ in range(15)].count(SIGN) > 10
        assert "event=not_alive" not in daemon.log_text
        host.resume()
        systemd.hear_until("STATUS=ready")
        assert daemon.end() == 0


def test_a_running_request_is_answered_before_the_end(
    systemd: Systemd, hold: Hold, tmp_path: Path
) -> None:
    with serving(tmp_path, LAPTOP, **systemd.environment, **hold.environment) as daemon:
        systemd.hear_until("READY=1")
        assert daemon.process
        with held_deploy(daemon, hold, "a") as go_on:
            daemon.process.send_signal(signal.SIGTERM)
            systemd.hear_until("STOPPING=1")
            wait_until(lambda: not listens(daemon))
            assert go_on().status_code == 201
        assert daemon.process.wait(START_S) == 0
        assert "Traceback" not in daemon.log_text
        entries = daemon.operations.read_text().splitlines()
        daemon.start()
        assert daemon.get("/listvm") == ["a"]
        assert daemon.operations.read_text().splitlines() == entries


def test_the_end_is_announced_before_the_socket_closes(systemd: Systemd, tmp_path: Path) -> None:
    """While systemd does not listen, the daemon waits with it and serves."""
    with serving(tmp_path, LAPTOP, **systemd.environment) as daemon:
        systemd.hear_until("READY=1")
        systemd.listen_no_more()
        assert daemon.process
        daemon.process.send_signal(signal.SIGTERM)
        for _ in range(20):
            assert daemon.get("/healthz")["status"] == "ok"
            with pytest.raises(TimeoutExpired):
                daemon.process.wait(0.05)
        systemd.hear_until("STOPPING=1")
        assert daemon.process.wait(START_S) == 0


def test_an_interrupt_ends_it_as_well(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        assert daemon.end(signal.SIGINT) == 0
        assert "Traceback" not in daemon.log_text


def test_a_hangup_does_not_end_it(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        assert daemon.process
        for _ in range(3):
            daemon.process.send_signal(signal.SIGHUP)
            assert daemon.get("/healthz")["status"] == "ok"
        assert daemon.end() == 0
        assert "Traceback" not in daemon.log_text


def test_a_signal_during_the_start_ends_it_cleanly(hold: Hold, tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP, **hold.environment) as daemon:
        daemon.deploy("a", 2, 1.0)
        daemon.end()
        (tmp_path / "state" / "state.json").unlink()
        hold.begin()
        daemon.launch()
        wait_until(lambda: hold.is_felt)
        assert daemon.process
        daemon.process.send_signal(signal.SIGTERM)
        hold.end()
        assert daemon.process.wait(START_S) == 0
        assert "Traceback" not in daemon.log_text
