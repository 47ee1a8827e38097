"""Addresses of hosts: added, moved, and never weakened."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Authority
from client.running import output_of
from clusters.fake_host import FakeHost, telling
from clusters.processes import Controller, Running, end, make_controller, make_host, running
from clusters.wire import Wire
from waiting import wait_until

SHOWN = "host-token-0123456789"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), ["i7-1185g7"] * 2) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Running) -> Iterator[Running]:
    """Two hosts at the addresses of the list."""
    yield shared
    for number, host in enumerate(shared.hosts):
        shared.wires[number].point_to(host.url)
        move(shared.controller, f"host{number}", shared.wires[number].url)
        shared.controller.call("POST", f"/v1/hosts/host{number}/uncordon")
    for name in set(shared.controller.hosts()) - {"host0", "host1"}:
        shared.controller.call("DELETE", f"/v1/hosts/{name}")


@pytest.fixture
def new_wire(cluster: Running) -> Iterator[Wire]:
    """Another address of host0."""
    wire = Wire(cluster.hosts[0].url)
    yield wire
    wire.close()


def move(controller: Controller, name: str, url: str, **more: bool) -> tuple[int, str]:
    """Return the status, and the error's code or the host's state."""
    answer = controller.call("PATCH", f"/v1/hosts/{name}", json={"url": url, **more})
    reply = answer.json()
    return answer.status_code, reply["state"] if answer.ok else reply["error"]["code"]


class TestMove:
    """Another address for a host."""

    def test_it_keeps_vms_cordon_and_labels_and_the_former_address_is_left_alone(
        self, cluster: Running, new_wire: Wire
    ) -> None:
        controller = cluster.controller
        controller.call("POST", "/v1/hosts/host1/cordon")
        controller.deploy("db", 1, 1.0)
        controller.call("POST", "/v1/hosts/host0/cordon")
        controller.call("PATCH", "/v1/hosts/host0", json={"labels": {"rack": "b"}})
        assert move(controller, "host0", new_wire.url) == (200, "ready")
        cluster.wires[0].point_to(NOWHERE)
        host = controller.hosts()["host0"]
        assert (host["url"], host["vms"], host["cordoned"]) == (new_wire.url, ["db"], True)
        assert host["labels"] == {"rack": "b"}
        taken = controller.deploy("db", 1, 1.0)
        assert (taken.status_code, taken.json()["host"]) == (200, "host0")
        # What now answers at the former address is not asked anything.
        with socket.create_server(("127.0.0.1", 0)) as former:
            cluster.wires[0].point_to(f"http://127.0.0.1:{former.getsockname()[1]}")
            former.settimeout(2)
            with pytest.raises(TimeoutError):
                former.accept()
        assert controller.remove("db").status_code == 200
        assert controller.hosts()["host0"]["state"] == "ready"

    def test_the_list_of_the_settings_neither_adds_it_again_nor_moves_it_back(
        self, cluster: Running, new_wire: Wire
    ) -> None:
        controller = cluster.controller
        assert move(controller, "host0", new_wire.url) == (200, "ready")
        controller.end()
        controller.start()
        controller.wait_ready(2)
        assert {host["url"] for host in controller.hosts().values()} == {
            new_wire.url,
            cluster.wires[1].url,
        }
        assert "listed_host_has_moved" in controller.log_text

    def test_where_another_host_is_or_none_it_stays(self, cluster: Running, tmp_path: Path) -> None:
        controller = cluster.controller
        place = tmp_path / "more"
        place.mkdir()
        stranger = make_host(place, "stranger")
        stranger.start()
        try:
            before = controller.hosts()["host0"]["url"]
            assert move(controller, "host0", stranger.url) == (409, "other_host")
            assert move(controller, "host0", stranger.url, force=True) == (409, "other_host")
            assert move(controller, "host0", cluster.wires[1].url) == (409, "host_exists")
            assert move(controller, "host0", NOWHERE) == (503, "host_unreachable")
            host = controller.hosts()["host0"]
            assert (host["url"], host["state"]) == (before, "ready")
            assert move(controller, "host0", NOWHERE, force=True) == (200, "unknown")
            assert controller.hosts()["host0"]["url"] == NOWHERE
            assert move(controller, "host0", before) == (200, "ready")
            assert move(controller, "host9", before) == (404, "host_not_found")
        finally:
            end(stranger)

    def test_a_change_must_change_something(self, cluster: Running) -> None:
        answer = cluster.controller.call("PATCH", "/v1/hosts/host0", json={"force": True})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")

    def test_by_the_client(self, cluster: Running, new_wire: Wire) -> None:
        controller = cluster.controller
        printed = output_of(controller, "hosts", "move", "host0", NOWHERE, expect=1)
        assert (
            f"host0: {NOWHERE}: no connection: [Errno 111] Connection refused; host host0 stays"
            in " ".join(printed.split())
        )
        printed = output_of(controller, "hosts", "move", "host0", new_wire.url)
        assert printed == f"{new_wire.url} is part of the cluster: host0, ready\n"


class TestAdd:
    """A new host."""

    def test_one_that_does_not_answer_is_not_added(self, cluster: Running) -> None:
        controller = cluster.controller
        printed = output_of(controller, "hosts", "add", NOWHERE, expect=1)
        assert "no connection: [Errno 111] Connection refused; it is not added" in " ".join(
            printed.split()
        )
        fake = FakeHost(telling(name="<b>"))
        printed = output_of(controller, "hosts", "add", fake.url, expect=1)
        assert "reported an invalid name" in " ".join(printed.split())
        fake.close()
        assert set(controller.hosts()) == {"host0", "host1"}

    def test_by_force_it_is_added_and_waited_for(self, cluster: Running) -> None:
        wire = Wire(NOWHERE)
        try:
            printed = output_of(cluster.controller, "hosts", "add", wire.url, "--force")
            assert "unknown: " in printed
            place = wire.url.removeprefix("http://")
            assert cluster.controller.hosts()[place]["state"] == "unknown"
        finally:
            wire.close()

    def test_a_known_host_at_another_address_is_to_be_moved(
        self, cluster: Running, new_wire: Wire
    ) -> None:
        printed = output_of(cluster.controller, "hosts", "add", new_wire.url, expect=1)
        assert f"slackvm hosts move host0 {new_wire.url}" in " ".join(printed.split())


class Secured:
    """A host with TLS, and its controller."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder / "pki")
        certificate, key = authority.issue("127.0.0.1")
        tls = {"SCL_TLS_CERT": str(certificate), "SCL_TLS_KEY": str(key)}
        self.host = make_host(folder, "host0", SCL_TOKEN=SHOWN, **tls)
        self.host.start()
        self.place = self.host.url.removeprefix("https://")
        self.settings = {"SCL_TOKEN": SHOWN, "SCL_TLS_CA": str(authority.certificate)}
        self.controller = make_controller(folder, [self.host.url], **self.settings)
        self.controller.start()
        self.controller.wait_ready(1)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    secured = Secured(tmp_path)
    yield secured
    end(secured.controller)
    end(secured.host)


class TestNoWeakening:
    """A host that is known with https stays so."""

    def test_no_request_replaces_https_unless_it_says_so(self, secured: Secured) -> None:
        controller, plain = secured.controller, f"http://{secured.place}"
        answer = controller.call("POST", "/v1/hosts", json={"url": secured.place})
        assert (answer.status_code, answer.json()["url"]) == (200, secured.host.url)
        answer = controller.call("POST", "/v1/hosts", json={"url": plain, "force": True})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "insecure")
        assert move(controller, "host0", plain) == (409, "insecure")
        assert move(controller, "host0", secured.place) == (200, "ready")
        assert "insecure=true (--insecure) allows it" in " ".join(
            output_of(controller, "hosts", "add", plain, expect=1).split()
        )
        host = controller.hosts()["host0"]
        assert (host["url"], host["state"]) == (secured.host.url, "ready")
        answer = move(controller, "host0", plain, insecure=True, force=True)
        assert answer[0] == 200
        assert controller.hosts()["host0"]["url"] == plain
        assert move(controller, "host0", secured.host.url) == (200, "ready")

    @pytest.mark.parametrize("scheme", ["", "http://"])
    def test_the_list_does_not_replace_it_either(
        self, secured: Secured, tmp_path: Path, scheme: str
    ) -> None:
        end(secured.controller)
        again = Controller(tmp_path / "controller", [scheme + secured.place], **secured.settings)
        try:
            again.start()
            again.wait_ready(1)
            assert again.hosts()["host0"]["url"] == secured.host.url
            assert ("listed_url_ignored" in again.log_text) == bool(scheme)
        finally:
            end(again)


def test_https_of_the_list_replaces_http(tmp_path: Path) -> None:
    """As a rollout does that turns TLS on."""
    place = "127.0.0.1:9"
    controller = make_controller(tmp_path, [f"http://{place}"])
    try:
        controller.start()
        end(controller)
        secured = Controller(tmp_path / "controller", [f"https://{place}"])
        secured.start()
        assert secured.hosts()[place]["url"] == f"https://{place}"
    finally:
        end(controller)
        end(secured)


@pytest.mark.parametrize(("allowed", "token"), [(False, True), (True, True), (False, False)])
def test_no_token_goes_over_http_to_a_network(tmp_path: Path, allowed: bool, token: bool) -> None:
    """The address is one of this machine, but not loopback."""
    address = _address_on_a_network()
    settings = {"SCL_TOKEN": SHOWN} if token else {}
    if allowed:
        settings["SCG_ALLOW_PLAIN_TOKENS"] = "true"
    with socket.create_server((address, 0)) as listener:
        listener.settimeout(3)
        url = f"http://{address}:{listener.getsockname()[1]}"
        controller = make_controller(tmp_path, [url], SCG_TIMEOUT="1", **settings)
        try:
            controller.start()
            if token and not allowed:
                wait_until(lambda: "SCG_ALLOW_PLAIN_TOKENS" in _reason(controller))
                with pytest.raises(TimeoutError):
                    listener.accept()
            else:
                connection, _ = listener.accept()
                with connection:
                    assert (SHOWN.encode() in connection.recv(4000)) == token
        finally:
            end(controller)


def _reason(controller: Controller) -> str:
    [host] = controller.get("/v1/hosts")["hosts"]
    return str(host["reason"])


def _address_on_a_network() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address
