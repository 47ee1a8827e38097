"""Several users of one cluster: roles, owners of VMs, limits and quotas."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from clusters.fake_host import FakeHost, refusing, telling
from clusters.processes import LAPTOP, Controller, end, make_controller, running
from token_files import bearer, give
from waiting import wait_until

ADMIN = "admin-token-0123456789"
ROLES = {"reader": "read", "alice": "deploy", "bob": "deploy", "oscar": "operate", "ada": "admin"}
ORDER = ("none", "read", "deploy", "operate", "admin")
SIZE = {"vcpus": 1, "memory_gib": 1, "level": 1, "image": "/srv/alice/i.qcow2"}
OWN = {"image": "/srv/limited/i.qcow2"}
"""What the token `limited` may deploy."""

DEPLOY = "/deploy?name={name}&cpu=1&mem=1&oc=1&qcow2=/srv/alice/i.qcow2"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("cluster")
    path = folder / "tokens.json"
    for name, role in ROLES.items():
        give(path, name, role)
    give(
        path,
        "limited",
        "deploy",
        vcpus=4,
        memory_gib=4.5,
        vms=3,
        image_folders=["/srv/limited"],
        levels=[1.0, 2.0],
        require={"rack": "b"},
    )
    with running(folder, [LAPTOP] * 2, SCG_TOKEN=ADMIN, SCG_TOKEN_FILE=str(path)) as cluster:
        controller = cluster.controller
        labels = {"labels": {"rack": "b"}}
        assert controller.call("PATCH", "/v1/hosts/host1", json=labels).status_code == 200
        yield controller
        controller.end()
        assert "token-0123456789" not in controller.log.read_text()


@pytest.fixture(autouse=True)
def empty(controller: Controller) -> Iterator[None]:
    yield
    for name in controller.vms():
        controller.remove(name)


def ask(
    controller: Controller, name: str, method: str, path: str, **given: Any
) -> requests.Response:
    """Send a request with the token of a name."""
    return controller.call(method, path, headers=bearer(f"{name}-token-0123456789"), **given)


def deploy(controller: Controller, who: str, name: str, **changes: Any) -> requests.Response:
    return ask(controller, who, "POST", "/v1/vms", json={**SIZE, "name": name, **changes})


def names(answer: requests.Response) -> list[str]:
    return [vm["name"] for vm in answer.json()["vms"]]


class TestRoles:
    """What each role may do."""

    @pytest.mark.parametrize("name", ROLES)
    def test_each_endpoint_takes_the_roles_that_it_declares(
        self, controller: Controller, name: str
    ) -> None:
        """The path names nothing that exists: whoever is let in learns only that."""
        paths = controller.get("/openapi.json")["paths"]
        assert len(paths) > 10
        for path, methods in paths.items():
            for method, described in methods.items():
                needed, by_owner = described["x-role"], described["x-by-owner"]
                role = ROLES[name]
                allowed = ORDER.index(role) >= ORDER.index(needed)
                if role == "deploy" and needed == "read":
                    allowed = by_owner
                answer = ask(controller, name, method.upper(), path.replace("{name}", "none"))
                refused = answer.status_code == 403
                assert refused is not allowed, (method, path, answer.text)
                if method == "get" and needed == "read":
                    head = ask(controller, name, "HEAD", path.replace("{name}", "none"))
                    assert (head.status_code == 403) is refused, path

    def test_an_unknown_token_gets_nothing(self, controller: Controller) -> None:
        for token in ("", "x", "alice", "alice-token-0123456789 ", "Alice-token-0123456789"):
            answer = controller.call("GET", "/v1/vms", headers=bearer(token))
            expected = 200 if token.strip() == "alice-token-0123456789" else 401
            assert answer.status_code == expected, token
        stored = json.loads((controller.folder.parent / "tokens.json").read_text())
        known = stored["tokens"][0]["secrets"][0]["sha256"]
        assert controller.call("GET", "/v1/vms", headers=bearer(known)).status_code == 401

    def test_a_caller_learns_who_it_is(self, controller: Controller) -> None:
        assert ask(controller, "reader", "GET", "/v1/me").json()["role"] == "read"
        reply = ask(controller, "limited", "GET", "/v1/me").json()
        assert (reply["name"], reply["role"]) == ("limited", "deploy")
        assert reply["limits"]["memory_gib"] == 4.5
        assert reply["limits"]["require"] == {"rack": "b"}
        assert reply["use"] == {"vcpus": 0, "memory_mib": 0, "vms": 0}
        assert controller.get("/v1/me")["role"] == "admin"

    def test_the_log_says_who_and_from_where(self, controller: Controller) -> None:
        header = {**bearer("oscar-token-0123456789"), "X-Forwarded-For": "192.0.2.66"}
        header["X-Request-Id"] = "who-was-it"
        controller.call("POST", "/v1/hosts/none/cordon", headers=header)
        [line] = [line for line in controller.log_text.splitlines() if "who-was-it" in line]
        assert "by=oscar client=127.0.0.1" in line
        assert "192.0.2.66" not in controller.log_text
        before = controller.log_text.count("route=/healthz")
        controller.get("/healthz")
        assert controller.log_text.count("route=/healthz") == before


class TestOwners:
    """A token of the role `deploy` knows its own VMs alone."""

    def test_a_vm_belongs_to_the_token_that_deploys_it(self, controller: Controller) -> None:
        assert deploy(controller, "alice", "a1").status_code == 201
        assert deploy(controller, "alice", "a1").status_code == 200
        assert ask(controller, "bob", "GET", DEPLOY.format(name="b1")).status_code == 200
        assert {vm["name"]: vm["owner"] for vm in controller.vms().values()} == {
            "a1": "alice",
            "b1": "bob",
        }
        for name in ("reader", "oscar", "ada"):
            assert names(ask(controller, name, "GET", "/v1/vms")) == ["a1", "b1"]
        assert names(ask(controller, "alice", "GET", "/v1/vms")) == ["a1"]
        assert ask(controller, "alice", "GET", "/v1/vms?search=b1").json()["total"] == 0
        assert names(ask(controller, "limited", "GET", "/v1/vms")) == []

    def test_nothing_shows_the_vms_of_others(self, controller: Controller) -> None:
        secret = {"name": "hidden1", "image": "/srv/hidden2.qcow2", "labels": {"hidden3": "x"}}
        assert deploy(controller, "bob", **secret).status_code == 201
        assert controller.deploy("hidden4", 1, 1.0, image="/srv/hidden5.qcow2").status_code == 201
        bodies: dict[str, Any] = {
            "/v1/plan": {**SIZE, "name": "mine"},
            "/v1/capacity": {"mix": [{"vcpus": 4, "memory_gib": 8, "level": 1}]},
        }
        for path, methods in controller.get("/openapi.json")["paths"].items():
            for method, described in methods.items():
                if described["x-role"] not in ("none", "read"):
                    continue
                answer = ask(controller, "alice", method.upper(), path, json=bodies.get(path))
                assert "hidden" not in answer.text, path
        shown = ask(controller, "bob", "GET", "/v1/hosts").text
        assert "hidden1" in shown
        assert "hidden4" not in shown

    def test_the_vms_of_others_do_not_exist(self, controller: Controller) -> None:
        assert deploy(controller, "bob", "b1").status_code == 201
        before = controller.operations.read_text()
        requests_ = [
            ("GET", "/v1/vms/b1"),
            ("DELETE", "/v1/vms/b1"),
            ("GET", "/remove?name=b1"),
            *(("POST", f"/v1/vms/b1/{verb}") for verb in ("start", "stop", "restart")),
        ]
        for method, path in requests_:
            answer = ask(controller, "alice", method, path)
            missing = ask(controller, "alice", method, path.replace("b1", "b0"))
            assert answer.status_code == missing.status_code == 404
            assert answer.json()["error"] == missing.json()["error"]
        assert '"name":"b1"' not in controller.operations.read_text().removeprefix(before)
        assert controller.vms()["b1"]["state"] == "running"
        for who, expected in (("alice", 404), ("oscar", 200), ("bob", 404)):
            assert ask(controller, who, "DELETE", "/v1/vms/b1").status_code == expected

    @pytest.mark.parametrize("other", ["bob", "oscar", ""])
    def test_a_name_that_another_has_is_refused_without_details(
        self, controller: Controller, other: str
    ) -> None:
        body = {**SIZE, "name": "taken"}
        token = f"{other}-token-0123456789" if other else ADMIN
        assert controller.call("POST", "/v1/vms", json=body, headers=bearer(token)).ok
        refused = deploy(controller, "alice", "taken")
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "name_taken"
        assert "host" not in refused.json()["error"]["message"]
        planned = ask(controller, "alice", "POST", "/v1/plan", json=body).json()
        assert (planned["code"], planned["host"]) == ("name_taken", None)
        assert ask(controller, "alice", "DELETE", "/v1/vms/taken").status_code == 404
        assert names(ask(controller, "alice", "GET", "/v1/vms")) == []

    def test_an_image_that_another_uses_is_refused_without_a_name(self, tmp_path: Path) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            if handler.command == "GET":
                telling()(handler)
            else:
                refusing(409, "image_in_use", "image /i is in use by VM theirs")(handler)

        host = FakeHost(answer)
        for name in ("alice", "oscar"):
            give(tmp_path / "tokens.json", name, ROLES[name])
        tokens = {"SCG_TOKEN": ADMIN, "SCG_TOKEN_FILE": str(tmp_path / "tokens.json")}
        controller = make_controller(tmp_path, [host.url], **tokens)
        try:
            controller.start()
            wait_until(lambda: deploy(controller, "alice", "mine").status_code == 409)
            shown = {who: deploy(controller, who, "mine").json() for who in ("alice", "oscar")}
            assert {who: each["error"]["code"] for who, each in shown.items()} == {
                "alice": "image_in_use",
                "oscar": "image_in_use",
            }
            assert "theirs" not in str(shown["alice"])
            assert "theirs" in str(shown["oscar"])
        finally:
            end(controller)
            host.close()

    def test_events_are_those_of_the_own_vms(self, controller: Controller) -> None:
        for who, name in (("alice", "a1"), ("bob", "b1"), ("bob", "b2")):
            assert deploy(controller, who, name).status_code == 201
        assert ask(controller, "bob", "DELETE", "/v1/vms/b2").status_code == 200
        cordon = "/v1/hosts/host1/{}cordon"
        for prefix in ("", "un"):
            assert ask(controller, "oscar", "POST", cordon.format(prefix)).status_code == 200
        seen = {}
        for who in ("alice", "bob", "reader"):
            answer = ask(controller, who, "GET", "/v1/events?after=0&limit=1000").json()
            seen[who] = {(event["name"], event.get("owner")) for event in answer["events"]}
        assert ("a1", "alice") in seen["alice"]
        assert {owner for _, owner in seen["alice"]} == {"alice"}
        assert {("b1", "bob"), ("b2", "bob")} <= seen["bob"]
        assert {owner for _, owner in seen["bob"]} == {"bob"}
        assert {("a1", "alice"), ("b1", "bob"), ("", None)} <= seen["reader"]
        hidden = ask(controller, "alice", "GET", "/v1/events?after=0&vm=b1").json()
        assert hidden["events"] == []

    def test_the_owner_outlives_the_controller(self, controller: Controller) -> None:
        assert deploy(controller, "alice", "a1").status_code == 201
        controller.end()
        controller.start()
        controller.wait_ready(2)
        assert names(ask(controller, "alice", "GET", "/v1/vms")) == ["a1"]
        assert names(ask(controller, "bob", "GET", "/v1/vms")) == []
        assert deploy(controller, "alice", "a1").status_code == 200


class TestLimits:
    """What the VMs of a token may be, and use."""

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"image": "/srv/alice/i.qcow2"}, "image"),
            ({"image": "/srv/limited/../alice/i.qcow2"}, "image"),
            ({"image": "/srv/limited2/i.qcow2"}, "image"),
            ({"level": 3}, "level"),
            ({"require": {"rack": "a"}}, "require"),
        ],
    )
    def test_what_is_not_allowed_names_the_field(
        self, controller: Controller, changes: dict[str, Any], field: str
    ) -> None:
        body = {**SIZE, "name": "v", **OWN, **changes}
        for path in ("/v1/vms", "/v1/plan"):
            answer = ask(controller, "limited", "POST", path, json=body)
            assert answer.status_code == 403
            error = answer.json()["error"]
            assert (error["code"], error["field"]) == ("forbidden", field)
        assert controller.vms() == {}

    def test_vms_are_on_hosts_with_the_labels(self, controller: Controller) -> None:
        for number in range(2):
            answer = deploy(controller, "limited", f"v{number}", **OWN)
            assert (answer.status_code, answer.json()["host"]) == (201, "host1")
        planned = ask(
            controller, "limited", "POST", "/v1/plan", json={**SIZE, "name": "w", **OWN}
        ).json()
        assert planned["host"] == "host1"

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"vcpus": 4}, ("vcpus", 4, 3)),
            ({"memory_gib": 4}, ("memory_gib", 4096, 3584)),
        ],
    )
    def test_a_quota_that_does_not_suffice_says_what_is_left(
        self, controller: Controller, changes: dict[str, Any], expected: tuple[str, int, int]
    ) -> None:
        assert deploy(controller, "limited", "v0", **OWN).status_code == 201
        answer = deploy(controller, "limited", "v1", **OWN, **changes)
        assert answer.status_code == 409
        error = answer.json()["error"]
        assert error["code"] == "quota_exceeded"
        assert (error["field"], error["needed"], error["free"]) == expected
        body = {**SIZE, "name": "v1", **OWN, **changes}
        planned = ask(controller, "limited", "POST", "/v1/plan", json=body).json()
        assert (planned["accepted"], planned["code"]) == (False, "quota_exceeded")
        assert deploy(controller, "limited", "v0", **OWN).status_code == 200

    def test_requests_at_once_do_not_exceed_it(self, controller: Controller) -> None:
        with ThreadPoolExecutor(12) as pool:
            answers = list(
                pool.map(
                    lambda number: deploy(controller, "limited", f"v{number}", **OWN),
                    range(12),
                )
            )
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] * 3 + [409] * 9
        assert len(controller.vms()) == 3
        use = ask(controller, "limited", "GET", "/v1/me").json()["use"]
        assert use == {"vcpus": 3, "memory_mib": 3072, "vms": 3}
        for name in controller.vms():
            controller.remove(name)
        assert deploy(controller, "limited", "again", **OWN).status_code == 201


class TestChanges:
    """The file changes while the controller runs."""

    def test_a_changed_file_counts_without_a_restart(self, controller: Controller) -> None:
        path = controller.folder.parent / "tokens.json"
        before = path.read_bytes()
        pid = controller.process
        assert pid

        def status() -> int:
            return ask(controller, "carol", "GET", "/v1/vms").status_code

        assert status() == 401
        give(path, "carol", "deploy")
        wait_until(lambda: status() == 200)
        path.write_text("{")
        wait_until(lambda: (status(), "token_file_unusable" in controller.log_text)[1])
        assert status() == 200
        path.unlink()
        pid.send_signal(signal.SIGHUP)
        wait_until(lambda: controller.log_text.count("token_file_unusable") >= 2)
        assert status() == 200
        path.write_bytes(before)
        pid.send_signal(signal.SIGHUP)
        wait_until(lambda: status() == 401)
        assert pid.poll() is None
