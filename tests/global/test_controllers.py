"""Several controllers: a host obeys one of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.running import output_of
from clusters.processes import Controller, end, make_host
from live.daemons import Daemon
from waiting import wait_until

CLAIM = "SlackVM-Controller"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Daemon]]:
    folder = tmp_path_factory.mktemp("hosts")
    hosts = [make_host(folder, f"host{number}") for number in range(2)]
    for host in hosts:
        host.start()
    yield hosts
    for host in hosts:
        end(host)


@pytest.fixture(scope="module")
def pair(
    hosts: list[Daemon], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Controller, Controller]]:
    """A controller that both hosts obey, and a second one that lists them too."""
    folder = tmp_path_factory.mktemp("controllers")
    urls = [host.url for host in hosts]
    made = []
    for name in ("first", "second"):
        (folder / name).mkdir()
        made.append(Controller(folder / name, urls))
        made[-1].start()
        made[-1].wait_ready(2)
    yield made[0], made[1]
    for controller in made:
        end(controller)


def obeyed(host: Daemon) -> Any:
    """Return the ID of the controller that a host says it obeys."""
    return host.get("/v1/host")["controller"]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestPair:
    """Two controllers with stores of their own."""

    def test_the_second_places_nothing_and_says_why(
        self, pair: tuple[Controller, Controller], hosts: list[Daemon]
    ) -> None:
        first, second = pair
        known = first.get("/v1/controller")
        assert (known["epoch"], sorted(known["obeying"])) == (1, ["host0", "host1"])
        assert {obeyed(host) for host in hosts} == {known["id"]}
        assert first.deploy("web", 1, 1.0).status_code == 201
        assert code(second.deploy("db", 1, 1.0)) == (409, "other_controller")
        ready = second.call("GET", "/readyz")
        assert ready.status_code == 503
        assert f"host0, host1 obey controller {known['id']}" in ready.json()["reason"]
        body = {"name": "db", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
        planned = second.call("POST", "/v1/plan", json=body).json()
        assert {host["code"] for host in planned["hosts"]} == {"other_controller"}
        # Reads are free; changes of what is there are refused by the host.
        wait_until(lambda: "web" in second.vms())
        assert code(second.remove("web")) == (409, "other_controller")
        assert first.remove("web").status_code == 200
        reasons = {host["reason"] for host in second.hosts().values()}
        assert reasons == {f"it obeys controller {known['id']}"}

    def test_a_host_is_added_only_if_it_is_taken_over(
        self, pair: tuple[Controller, Controller], hosts: list[Daemon]
    ) -> None:
        first, second = pair
        second.call("DELETE", "/v1/hosts/host0?force=true")
        assert obeyed(hosts[0]) == first.get("/v1/controller")["id"]
        printed = output_of(second, "hosts", "add", hosts[0].url, expect=1)
        assert "--take-over" in printed
        assert set(second.hosts()) == {"host1"}
        output_of(second, "hosts", "add", hosts[0].url, "--take-over")
        assert obeyed(hosts[0]) == second.get("/v1/controller")["id"]
        wait_until(lambda: first.call("GET", "/readyz").status_code == 503)
        assert code(first.deploy("web", 1, 1.0)) == (409, "other_controller")

    def test_one_takes_all_over_and_the_other_can_change_nothing(
        self, pair: tuple[Controller, Controller]
    ) -> None:
        first, second = pair
        epoch = second.get("/v1/controller")["epoch"]
        printed = output_of(second, "controller", "take-over")
        assert f"epoch {epoch + 1}" in printed
        assert "obeyed by: host1, host0\n" in printed
        assert second.deploy("web", 1, 1.0).status_code == 201
        wait_until(lambda: "web" in first.vms())
        assert code(first.call("POST", "/v1/vms/web/stop")) == (409, "other_controller")
        output_of(first, "controller", "take-over")
        assert first.remove("web").status_code == 200
        wait_until(lambda: second.call("GET", "/readyz").status_code == 503)

    def test_a_copy_of_the_store_is_of_an_earlier_epoch(
        self, pair: tuple[Controller, Controller], hosts: list[Daemon], tmp_path: Path
    ) -> None:
        first, _ = pair
        first.end()
        for file in first.folder.glob("store.sqlite*"):
            shutil.copy(file, tmp_path)
        first.start()
        output_of(first, "controller", "take-over")
        copy = Controller(tmp_path, [host.url for host in hosts])
        copy.start()
        try:
            assert copy.get("/v1/controller")["id"] == first.get("/v1/controller")["id"]
            wait_until(lambda: len(copy.get("/v1/controller")["others"]) == 2)
            assert code(copy.deploy("web", 1, 1.0)) == (409, "other_controller")
            assert "later epoch" in copy.call("GET", "/readyz").json()["reason"]
            output_of(copy, "controller", "take-over")
            assert copy.deploy("web", 1, 1.0).status_code == 201
            assert copy.remove("web").status_code == 200
        finally:
            end(copy)
        output_of(first, "controller", "take-over")

    def test_a_host_that_is_down_is_taken_over_when_it_answers(
        self, pair: tuple[Controller, Controller], hosts: list[Daemon]
    ) -> None:
        _, second = pair
        end(hosts[0])
        assert "as soon as they answer: host0" in output_of(second, "controller", "take-over")
        address = hosts[0].url
        hosts[0].start()
        output_of(second, "hosts", "move", address.removeprefix("http://"), expect=2)
        output_of(second, "hosts", "move", "host0", hosts[0].url)
        wait_until(lambda: obeyed(hosts[0]) == second.get("/v1/controller")["id"])
        assert second.get("/v1/controller")["waiting"] == []
        assert second.call("GET", "/readyz").status_code == 200

    def test_a_forgotten_host_obeys_none(
        self, pair: tuple[Controller, Controller], hosts: list[Daemon]
    ) -> None:
        _, second = pair
        assert second.call("DELETE", "/v1/hosts/host0?force=true").status_code == 200
        assert obeyed(hosts[0]) == ""


class TestHost:
    """What a host does with requests of controllers."""

    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[Daemon]:
        host = make_host(tmp_path, "alone")
        host.start()
        yield host
        end(host)

    def test_it_obeys_the_first_and_keeps_that_over_a_restart(self, host: Daemon) -> None:
        body = {"name": "vm", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}

        def ask(method: str, path: str, claim: str = "", **options: Any) -> Any:
            headers = {CLAIM: claim} if claim else {}
            return host.call(method, path, headers=headers, **options)

        assert ask("POST", "/v1/vms", "aa 1", json=body).status_code == 201
        assert obeyed(host) == "aa"
        for claim in ("bb 1", "bb 9", "aa 0"):
            assert code(ask("DELETE", "/v1/vms/vm", claim)) == (409, "other_controller")
            assert ask("GET", "/v1/host", claim).status_code == 200
        assert code(ask("DELETE", "/v1/vms/vm", "nonsense")) == (400, "malformed")
        claim = {"id": "bb", "epoch": 1}
        assert code(ask("POST", "/v1/controller", json=claim)) == (409, "other_controller")
        # A later epoch of the same controller, and a person.
        assert ask("POST", "/v1/vms/vm/stop", "aa 2").status_code == 200
        assert ask("POST", "/v1/vms/vm/start").status_code == 200
        assert "change_without_controller" in host.log_text
        host.end()
        host.start()
        assert obeyed(host) == "aa"
        assert code(ask("DELETE", "/v1/vms/vm", "aa 1")) == (409, "other_controller")
        taken = ask("POST", "/v1/controller", json={**claim, "take_over": True})
        assert taken.json() == {"id": "bb", "epoch": 1}
        assert code(ask("DELETE", "/v1/vms/vm", "aa 2")) == (409, "other_controller")
        assert code(ask("DELETE", "/v1/controller", "aa 2")) == (409, "other_controller")
        largest = {"id": "bb", "epoch": 10**15 - 1}
        assert ask("POST", "/v1/controller", json=largest).json() == largest
        assert ask("DELETE", "/v1/controller").json() == {"id": "", "epoch": 0}
        assert ask("DELETE", "/v1/vms/vm", "aa 2").status_code == 200
