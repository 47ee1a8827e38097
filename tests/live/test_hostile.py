"""Clients and machines that mean no good: the daemon goes on, and serves the others."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from live.daemons import START_S, Daemon, serving
from waiting import wait_until

LAPTOP = "--topology=i7-1185g7"


@pytest.mark.parametrize("output", ["> /dev/full", ">&-", "> >(head -n 1)"])
def test_a_log_that_cannot_be_written_stops_nobody(output: str, tmp_path: Path) -> None:
    """The disk is full, there is no standard output, or its reader has gone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = Daemon(tmp_path, LAPTOP, SCL_PORT=str(port))
    daemon.prefix = ["bash", "-c", f'exec "$@" {output}', "bash"]
    daemon.url = f"http://127.0.0.1:{port}"
    daemon.launch()

    def is_up() -> bool:
        try:
            return daemon.call("GET", "/healthz").ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(is_up, START_S)
        assert daemon.deploy("a", 1, 1.0).status_code == 201
        assert daemon.get("/listvm") == ["a"]
    finally:
        code = daemon.end()
        daemon.session.close()
    assert code == 0
    assert "Traceback" not in daemon.told
    assert len(daemon.operations.read_text().splitlines()) == 1


def test_more_connections_than_the_machine_allows(tmp_path: Path) -> None:
    """Those that have said nothing for longest go, and with them the trouble."""
    with serving(tmp_path, LAPTOP) as daemon:
        assert daemon.process
        pid = daemon.process.pid
        most = len(list(Path(f"/proc/{pid}/fd").iterdir())) + 20
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        address = "127.0.0.1", int(daemon.url.rpartition(":")[2])
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection(address, timeout=START_S))
            for _ in range(3):
                answer = requests.get(f"{daemon.url}/healthz", timeout=START_S)
                assert answer.status_code == 200
        assert 0 < daemon.told.count("event=no_connection") < 200
        assert daemon.deploy("a", 1, 1.0).status_code == 201


def test_few_files_are_not_all_taken_by_connections(tmp_path: Path) -> None:
    """What is done can be written down all the same."""
    daemon = Daemon(tmp_path, LAPTOP)
    daemon.prefix = ["prlimit", "--nofile=64:64"]
    daemon.start()
    address = "127.0.0.1", int(daemon.url.rpartition(":")[2])
    try:
        with ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection(address, timeout=START_S))
            assert daemon.deploy("a", 1, 1.0).status_code == 201
        assert "level=error" not in daemon.told
    finally:
        assert daemon.end() == 0
        daemon.session.close()
