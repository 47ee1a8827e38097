"""Metrics: Debian's Prometheus checks them, scrapes the daemon and answers queries."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from live.daemons import Daemon, serving
from waiting import wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="the Debian package is missing: apt-get install prometheus",
)

LAPTOP = "--topology=i7-1185g7"
FULL, READ = "full-token-0123456789", "read-token-0123456789"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "live.md").read_text()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It has VMs of three levels, one that is stopped, and something of each outcome."""
    folder = tmp_path_factory.mktemp("daemon")
    with serving(folder, LAPTOP, SCL_TOKEN=FULL, SCL_READ_TOKEN=READ) as running:
        running.session.headers["Authorization"] = f"Bearer {FULL}"
        for name, level in (("a", 1.0), ("b", 1.5), ("c", 2.0), ("d", 2.0), ("gone", 3.0)):
            assert running.deploy(name, 2, level).status_code == 201
        running.call("POST", "/v1/vms/d/stop")
        running.remove("gone")
        assert running.deploy("large", 9, 1.0).status_code == 409
        wait_until(lambda: 'slackvm_vm_cpu_use_ratio{level="1.5",vm="b"}' in scraped(running))
        yield running


def scraped(daemon: Daemon) -> str:
    return daemon.call("GET", "/metrics").text


class Prometheus:
    """A Prometheus that scrapes a daemon as the documents say."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        token = folder / "token"
        token.write_text(READ)
        [block] = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
        config = block.replace("/etc/prometheus/slackvm-read-token", str(token))
        config = config.replace("127.0.0.1:8099", daemon.url.removeprefix("http://"))
        assert str(token) in config
        assert daemon.url.removeprefix("http://") in config
        (folder / "prometheus.yml").write_text(f"global:\n  scrape_interval: 1s\n{config}")
        self.command = [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return what a query finds: labels (`metric`), and time and value (`value`)."""
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/v1/query", params={"query": query}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def is_up(self) -> bool:
        """Return whether it serves, which it refuses while it starts, and reaches the daemon."""
        try:
            ready = requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=30)
        except requests.ConnectionError:
            return False
        if ready.status_code == 503:
            return False
        return [series["value"][1] for series in self.ask("up")] == ["1"]


@contextmanager
def scraping(daemon: Daemon, folder: Path) -> Iterator[Prometheus]:
    prometheus = Prometheus(daemon, folder)
    log = folder / "prometheus.log"
    with log.open("wb") as out, subprocess.Popen(prometheus.command, stdout=out, stderr=out) as run:
        try:
            wait_until(prometheus.is_up, 60)
            yield prometheus
        finally:
            run.terminate()


def test_promtool_finds_no_problem(daemon: Daemon) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scraped(daemon),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_prometheus_scrapes_the_daemon(daemon: Daemon, tmp_path: Path) -> None:
    """With the reading token and the configuration in the documents."""
    with scraping(daemon, tmp_path) as prometheus:
        by_vm = prometheus.ask("slackvm_vm_cpu_wait_ratio")
        assert {(each["metric"]["vm"], each["metric"]["level"]) for each in by_vm} == {
            ("a", "1.0"),
            ("b", "1.5"),
            ("c", "2.0"),
            ("d", "2.0"),
        }
        for metric in ("cpus", "cpus_used", "vcpus", "memory_bytes", "cpu_wait_ratio"):
            by_level = prometheus.ask(f"slackvm_vnode_{metric}")
            assert {each["metric"]["level"] for each in by_level} == {"1.0", "1.5", "2.0"}
        [unused] = prometheus.ask('slackvm_vm_cpu_use_ratio{vm="d"}')
        assert float(unused["value"][1]) == 0
        [used] = prometheus.ask('slackvm_vnode_cpus_used{level="1.5"} <= slackvm_vnode_cpus')
        assert float(used["value"][1]) > 0
        [[_, refused]] = [
            each["value"] for each in prometheus.ask('slackvm_operations_total{code="too_large"}')
        ]
        assert refused == "1"
        assert prometheus.ask("slackvm_host_ready == 1")
        assert prometheus.ask("slackvm_state_behind == 0")
        assert prometheus.ask("abs(time() - slackvm_sample_timestamp_seconds) < 60")
        assert prometheus.ask('slackvm_build_info{version!=""}')
        assert prometheus.ask("process_resident_memory_bytes")
        table = DOCUMENT.partition("| to know | query |")[2]
        questions = re.findall(r"`([^`]*slackvm_[^`]*)`", table)
        assert len(questions) > 8
        for question in questions:
            names = re.findall(r"slackvm_\w+", question)
            assert all(prometheus.ask(name) for name in names), question
            prometheus.ask(question)


def test_levels_that_are_no_longer_in_use_have_no_metrics(daemon: Daemon) -> None:
    """Who may deploy could fill Prometheus with levels."""
    message = scraped(daemon)
    assert '{level="2.0"}' in message
    assert "3.0" not in re.findall(r'level="([^"]*)"', message)
