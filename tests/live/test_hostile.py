"""Clients and machines that mean no good: the daemon goes on, and serves the others."""

import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from live.daemons import START_S, Daemon, serving
from live.selections import Hold
from waiting import wait_until

LAPTOP = "--topology=i7-1185g7"


@pytest.mark.parametrize("output", ["> /dev/full", ">&-", "> >(head -n 1)"])
def test_a_log_that_cannot_be_written_stops_no_request(output: str, tmp_path: Path) -> None:
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
    assert "Traceback" not in daemon.log_text
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
        assert 0 < daemon.log_text.count("event=no_connection") < 200
        assert daemon.deploy("a", 1, 1.0).status_code == 201


def test_few_files_are_not_all_taken_by_connections(tmp_path: Path) -> None:
    """What is done can be written down all the same."""
    daemon = Daemon(tmp_path, LAPTOP)
    daemon.prefix = ["prlimit", "--nofile=280:280"]
    daemon.start()
    address = "127.0.0.1", int(daemon.url.rpartition(":")[2])
    try:
        with ExitStack() as stack:
            for _ in range(400):
                stack.enter_context(socket.create_connection(address, timeout=START_S))
            assert daemon.deploy("a", 1, 1.0).status_code == 201
        assert "level=error" not in daemon.log_text
    finally:
        assert daemon.end() == 0
        daemon.session.close()


def test_a_clock_as_fast_as_allowed_leaves_the_machine_to_others(tmp_path: Path) -> None:
    """The delay is then a few microseconds; the daemon does not turn round as fast as it can."""
    with serving(tmp_path, LAPTOP, SCL_TIME_SCALE="1000000", SCL_DELAY="1") as daemon:
        assert daemon.process
        process = psutil.Process(daemon.process.pid)
        assert daemon.deploy("a", 1, 1.0).status_code == 201
        before = process.cpu_times()
        time.sleep(2)
        after = process.cpu_times()
        assert after.user + after.system - before.user - before.system < 1


def test_changes_that_wait_for_each_other_do_not_delay_readers(tmp_path: Path) -> None:
    """Eight may wait; one too many gets an error, in the form of its endpoint."""
    hold = Hold(tmp_path)

    def deploy(number: int) -> requests.Response:
        query = f"name=vm{number}&cpu=1&mem=1&oc=1&qcow2=/i.qcow2"
        return requests.get(f"{daemon.url}/deploy?{query}", timeout=60)

    with serving(tmp_path, LAPTOP, **hold.environment) as daemon, ThreadPoolExecutor(12) as clients:
        hold.begin()
        try:
            asked = [clients.submit(deploy, number) for number in range(12)]
            wait_until(lambda: sum(one.done() for one in asked) >= 4)
            for late in [one.result() for one in asked if one.done()]:
                assert (late.status_code, late.json()["success"]) == (503, False)
                assert late.json()["error"]["code"] == "overloaded"
                assert int(late.headers["Retry-After"]) > 0
            for path in ("/v1/host", "/listvm", "/status", "/v1/vms", "/metrics", "/readyz"):
                assert daemon.call("GET", path).status_code == 200
        finally:
            hold.end()
        done = [one.result().status_code for one in asked]
        assert set(done) <= {200, 503}
        assert len(daemon.get("/listvm")) == done.count(200) >= 1
