"""A cluster and a host of its own, which the tests of a run share; each test finds them empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.running import wait_until
from clusters.processes import LAPTOP, Controller, cluster
from live.daemons import Daemon, Served, serving
from slackvm.settings import ClientSettings

Cluster = tuple[Controller, list[Daemon]]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor the `.env` of whoever runs the tests."""
    for name in (*ClientSettings.model_fields, "force_color", "no_color", "no_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), [LAPTOP] * 3) as running:
        yield running


@pytest.fixture(scope="session")
def _host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with serving(tmp_path_factory.mktemp("host"), f"--topology={LAPTOP}") as daemon:
        yield daemon


@pytest.fixture
def hosts(_cluster: Cluster) -> list[Daemon]:
    return _cluster[1]


@pytest.fixture
def controller(_cluster: Cluster) -> Controller:
    """A controller of three hosts with 8 CPUs and 31 GiB each: host0, host1, host2."""
    controller, hosts = _cluster
    known = [host["url"] for host in controller.get("/v1/hosts")["hosts"]]
    for host in hosts:
        if host.url not in known:
            controller.call("POST", "/v1/hosts", json={"url": host.url})
    for name in ("host0", "host1", "host2"):
        controller.call("POST", f"/v1/hosts/{name}/uncordon")
    wait_until(
        lambda: all(host["state"] == "ready" for host in controller.get("/v1/hosts")["hosts"])
    )
    _empty(controller)
    return controller


@pytest.fixture
def host(_host: Daemon) -> Daemon:
    """The daemon of a host with 8 CPUs and 31 GiB: testhost."""
    _empty(_host)
    return _host


@pytest.fixture(params=["controller", "host"])
def either(request: pytest.FixtureRequest) -> Served:
    """A controller, and then a host's daemon."""
    served: Served = request.getfixturevalue(request.param)
    return served


def _empty(served: Served) -> None:
    for vm in served.get("/v1/vms")["vms"]:
        served.remove(vm["name"])
