"""A token for each host: whoever controls one host has the key to that one alone."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path

from clusters.fake_host import FakeHost, telling
from clusters.processes import end, make_controller, make_host
from clusters.wire import Wire
from slackvm.model.labels import MOST_LABELS
from token_files import bearer, give
from waiting import wait_until

SHARED = "the-token-of-all-hosts"
OWN = "the-token-of-one-host"
NEXT = "the-next-token-of-it"
CLIENT = "the-token-of-clients"


def test_a_host_is_sent_its_own_token_and_never_that_of_all(tmp_path: Path) -> None:
    seen: set[str | None] = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.add(handler.headers["Authorization"])
        telling(name="taken")(handler)

    taken = FakeHost(answer)
    own = make_host(tmp_path, "own", SCL_TOKEN=OWN)
    shared = make_host(tmp_path, "shared", SCL_TOKEN=SHARED)
    for host in (own, shared):
        host.start()
    wire = Wire(own.url)
    (tmp_path / "later").mkdir()
    controller = make_controller(tmp_path, [shared.url], SCL_TOKEN=SHARED, SCG_TOKEN=CLIENT)
    controller.session.headers["Authorization"] = f"Bearer {CLIENT}"
    try:
        controller.start()
        refused = controller.call("POST", "/v1/hosts", json={"url": wire.url})
        assert refused.status_code == 503
        assert "401" in refused.json()["error"]["message"]
        for url in (wire.url, taken.url):
            added = controller.call("POST", "/v1/hosts", json={"url": url, "token": OWN})
            assert (added.status_code, added.json()["state"]) == (201, "ready")
            assert OWN not in added.text
        wrong = controller.call("PATCH", "/v1/hosts/own", json={"token": NEXT})
        assert wrong.status_code == 503
        assert "own" in wrong.json()["error"]["message"]
        controller.wait_ready(3)
        bad = controller.call("PATCH", "/v1/hosts/own", json={"token": "short one"})
        assert (bad.status_code, bad.json()["error"]["field"]) == (400, "token")
        assert "short one" not in bad.text
        # The token is changed on the host, then in the controller.
        end(own)
        own = make_host(tmp_path / "later", "own", SCL_TOKEN=NEXT)
        own.start()
        wire.point_to(own.url)
        wait_until(lambda: "401" in controller.hosts()["own"]["reason"])
        changed = controller.call("PATCH", "/v1/hosts/own", json={"token": NEXT})
        assert (changed.status_code, changed.json()["state"]) == (200, "ready")
        assert controller.end() == 0
        texts = controller.log.read_text() + controller.operations.read_text()
        controller.start()
        controller.wait_ready(3)
        texts += controller.log.read_text() + controller.call("GET", "/v1/hosts").text
        assert not [token for token in (OWN, NEXT, SHARED) if token in texts]
        assert seen == {f"Bearer {OWN}"}
    finally:
        for each in (controller, own, shared):
            end(each)
        wire.close()
        taken.close()


def test_only_an_administrator_moves_a_host_that_gets_the_token_of_all(tmp_path: Path) -> None:
    """Else an operator would move it to a server of their own, and learn that token there."""
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        telling(name="shared")(handler)

    theirs = FakeHost(answer)
    host = make_host(tmp_path, "shared", SCL_TOKEN=SHARED)
    host.start()
    give(tmp_path / "tokens.json", "oscar", "operate")
    controller = make_controller(
        tmp_path,
        [host.url],
        SCL_TOKEN=SHARED,
        SCG_TOKEN=CLIENT,
        SCG_TOKEN_FILE=str(tmp_path / "tokens.json"),
    )
    controller.session.headers["Authorization"] = f"Bearer {CLIENT}"
    try:
        controller.start()
        controller.wait_ready(1)
        oscar = bearer("oscar-token-0123456789")
        for force in (False, True):
            given = {"url": theirs.url, "force": force}
            refused = controller.call("PATCH", "/v1/hosts/shared", json=given, headers=oscar)
            assert (refused.status_code, refused.json()["error"]["field"]) == (403, "url")
        labels = {"labels": {"rack": "b"}}
        allowed = controller.call("PATCH", "/v1/hosts/shared", json=labels, headers=oscar)
        assert allowed.status_code == 200
        assert seen == []
        moved = controller.call("PATCH", "/v1/hosts/shared", json={"url": theirs.url})
        assert moved.status_code == 200
        assert seen
    finally:
        end(controller)
        end(host)
        theirs.close()


def test_a_change_of_which_one_part_is_refused_changes_nothing(tmp_path: Path) -> None:
    host = make_host(tmp_path, "own", SCL_TOKEN=OWN)
    host.start()
    wire = Wire(host.url)
    controller = make_controller(tmp_path, [host.url], SCL_TOKEN=OWN)
    try:
        controller.start()
        controller.wait_ready(1)
        many = {f"key{number}": "x" for number in range(MOST_LABELS)}
        full = controller.call("PATCH", "/v1/hosts/own", json={"labels": many})
        assert full.status_code == 200
        given = {"labels": {"one-more": "x"}, "url": wire.url}
        refused = controller.call("PATCH", "/v1/hosts/own", json=given)
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, "labels")
        # A token that the host does not know is refused, and so is the address beside it.
        given = {"url": wire.url, "token": NEXT}
        assert controller.call("PATCH", "/v1/hosts/own", json=given).status_code == 503
        assert controller.hosts()["own"]["url"] == host.url
        given = {"url": wire.url, "token": OWN}
        assert controller.call("PATCH", "/v1/hosts/own", json=given).status_code == 200
        assert controller.hosts()["own"]["url"] == wire.url
    finally:
        end(controller)
        end(host)
        wire.close()
