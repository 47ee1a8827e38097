"""Authentication: tokens, pages of other sites; and secrets that the log must not contain."""

import http.client
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.daemons import Daemon, serving

LAPTOP = "--topology=i7-1185g7"
FULL, READ, WRONG = "full-token-0123456789", "read-token-0123456789", "wrong-token-0123456789"
QUERY = "name=b&cpu=1&mem=1&oc=1&qcow2=/i.qcow2"
METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"),
    *("COPY", "MOVE", "PROPFIND", "BREW", "get"),
)
OVERRIDES = {
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Method-Override": "POST",
    "X-Original-URL": f"/deploy?{QUERY}",
    "X-Rewrite-URL": f"/deploy?{QUERY}",
    "X-Forwarded-Uri": "/remove?name=a",
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It has a VM, and in the end no token in its log."""
    folder = tmp_path_factory.mktemp("daemon")
    with serving(folder, LAPTOP, SCL_TOKEN=FULL, SCL_READ_TOKEN=READ) as running:
        running.session.headers["Authorization"] = f"Bearer {FULL}"
        assert running.deploy("a", 2, 2.0).status_code == 201
        yield running
        running.end()
        log = running.log.read_text()
        assert "event=request" in log
        assert not [token for token in (FULL, READ, WRONG) if token in log]


@pytest.fixture
def unchanged(daemon: Daemon) -> Iterator[None]:
    before = everything(daemon)
    yield
    assert everything(daemon) == before


def everything(daemon: Daemon) -> tuple[Any, Any, str]:
    return daemon.get("/v1/host"), daemon.get("/v1/vms"), daemon.operations.read_text()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def operations(daemon: Daemon) -> Iterator[tuple[str, str, list[str]]]:
    """Yield method and path of each operation, and the tokens that suffice."""
    for path, methods in daemon.get("/openapi.json")["paths"].items():
        for method, described in methods.items():
            tokens = [name for each in described["security"] for name in each]
            yield method.upper(), path.replace("{name}", "a"), tokens


def changing(daemon: Daemon) -> list[tuple[str, str]]:
    """Return method and address of everything that would change something."""
    queries = {"/deploy": QUERY, "/remove": "name=a"}
    return [
        (method, f"{path}?{queries[path]}" if path in queries else path)
        for method, path, tokens in operations(daemon)
        if tokens == ["token"]
    ]


def spelled(address: str) -> Iterator[str]:
    """Yield an address in ways that some programs take for the same."""
    path, mark, query = address.partition("?")
    rest = mark + query
    first, last = path[:2], path[2:]
    yield from (f"/{path}{rest}", f"{path}/{rest}", f"{path}//{rest}", f"/.{path}{rest}")
    yield from (f"/x/..{path}{rest}", f"/%2E{path}{rest}", f"{path}%2F{rest}", f"{path}%00{rest}")
    yield from (f"/%{ord(path[1]):02x}{last}{rest}", f"/%25{ord(path[1]):02x}{last}{rest}")
    yield from (f"{first.upper()}{last}{rest}", f"{path};x=1{rest}", f"{path}%3F{query}")
    yield from (f"{path}%20{rest}", f"{path}.json{rest}", f"http://localhost{address}")
    yield f"{address}{'&' if mark else '?'}_method=DELETE"


def send(daemon: Daemon, method: str, address: str, headers: dict[str, str]) -> int:
    """Send a request with an address as it stands, and return the status of its answer."""
    connection = http.client.HTTPConnection(daemon.url.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest(method, address)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


class TestTokens:
    """Without one, with a wrong one, with the reading one."""

    @pytest.mark.usefixtures("unchanged")
    def test_without_a_right_token_only_health_is_shown(self, daemon: Daemon) -> None:
        wrong = ("", WRONG, FULL[:-1], FULL + "x", FULL.upper(), f"{FULL} {FULL}", f"{READ}{FULL}")
        for method, path, tokens in operations(daemon):
            for token in wrong:
                answer = daemon.call(method, path, headers=bearer(token))
                assert answer.status_code == (401 if tokens else 200), (method, path, answer.text)
            for header in (f"Basic {FULL}", FULL, f"Token {FULL}"):
                answer = daemon.call(method, path, headers={"Authorization": header})
                assert answer.status_code == (401 if tokens else 200), (method, path, answer.text)

    @pytest.mark.usefixtures("unchanged")
    def test_the_read_token_reads_everything_and_changes_nothing(self, daemon: Daemon) -> None:
        body = {"name": "b", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
        queries = {"/deploy": QUERY, "/remove": "name=a", "/progress": "cpu=1&mem=1&oc=1"}
        for method, path, tokens in operations(daemon):
            answer = daemon.call(
                method,
                path,
                headers=bearer(READ),
                params=queries.get(path),
                json=body if path in ("/v1/vms", "/v1/plan") and method == "POST" else None,
            )
            expected = 403 if tokens == ["token"] else 200
            assert answer.status_code == expected, (method, path, answer.text)

    @pytest.mark.usefixtures("unchanged")
    def test_no_method_spelling_or_header_gets_around_the_token(self, daemon: Daemon) -> None:
        addresses = dict.fromkeys(address for _, address in changing(daemon))
        assert len(addresses) > 5
        for address in addresses:
            for method in METHODS:
                send(daemon, method, address, bearer(READ))
            for method, other in itertools.product(("GET", "POST", "DELETE"), spelled(address)):
                send(daemon, method, other, bearer(READ))
        for name, value in OVERRIDES.items():
            for method, address in itertools.product(("GET", "POST"), ("/v1/vms/a", "/")):
                send(daemon, method, address, {**bearer(READ), name: value})

    @pytest.mark.usefixtures("unchanged")
    def test_two_tokens_are_refused(self, daemon: Daemon) -> None:
        """Of two headers, or two tokens in one, nobody could say which counts."""
        twice = {**bearer(READ), "authorization": f"Bearer {FULL}"}
        for method, address in changing(daemon):
            assert send(daemon, method, address, twice) == 400
            assert send(daemon, method, address, bearer(f"{READ}, Bearer {FULL}")) == 401

    @pytest.mark.usefixtures("unchanged")
    def test_a_token_in_the_wrong_place_is_ignored_and_not_logged(self, daemon: Daemon) -> None:
        """The log is looked through in the end."""
        places: list[tuple[str, dict[str, str]]] = [
            (f"/v1/vms?token={FULL}", {}),
            (f"/{FULL}", {}),
            (f"/v1/vms/{FULL}", {}),
            (f"/deploy?{QUERY}&access_token={FULL}", {}),
            ("/v1/host", {"Cookie": f"token={FULL}", "X-Token": FULL, "X-Request-Id": "x y"}),
            ("/v1/host", {"Proxy-Authorization": f"Bearer {FULL}"}),
            ("/v1/host", {"Authorization_": f"Bearer {FULL}"}),
            ("/v1/host", {"Authorization": f"Bearer\t{FULL}"}),
            (f"/v1/host#{FULL}", {}),
        ]
        for address, headers in places:
            assert send(daemon, "GET", address, headers) in (400, 401, 404), address


class TestPagesOfOtherSites:
    """What a browser sends for a page that is not the daemon's own."""

    @pytest.fixture(scope="class")
    @classmethod
    def open_daemon(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
        """Without a token: the browser of whoever is at this machine may do everything."""
        with serving(tmp_path_factory.mktemp("open"), LAPTOP) as running:
            assert running.deploy("a", 2, 2.0).status_code == 201
            yield running

    @pytest.mark.parametrize(
        "foreign",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "CROSS-SITE"},
            {"Origin": "https://elsewhere.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "none"},
        ],
    )
    def test_change_nothing(self, open_daemon: Daemon, foreign: dict[str, str]) -> None:
        before = everything(open_daemon)
        for method, address in changing(open_daemon):
            answer = open_daemon.call(method, address, headers=foreign)
            assert answer.status_code == 403, (method, address, answer.text)
            assert answer.json()["error"]["code"] == "forbidden"
        assert everything(open_daemon) == before

    @pytest.mark.parametrize(
        "followed",
        [
            {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
            {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Purpose": "prefetch"},
        ],
    )
    def test_a_link_that_is_clicked_or_fetched_ahead_changes_nothing(
        self, open_daemon: Daemon, followed: dict[str, str]
    ) -> None:
        before = everything(open_daemon)
        for address in (f"/deploy?{QUERY}", "/remove?name=a"):
            answer = open_daemon.call("GET", address, headers=followed)
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "forbidden"
        assert everything(open_daemon) == before
        assert open_daemon.call("GET", "/listvm", headers=followed).json() == ["a"]

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    def test_its_own_page_and_programs_may_change_things(
        self, open_daemon: Daemon, site: str
    ) -> None:
        own = {"Sec-Fetch-Site": site}
        if site == "same-origin":
            own |= {"Origin": open_daemon.url, "Sec-Fetch-Mode": "cors"}
        for address in (f"/deploy?{QUERY}", "/remove?name=b"):
            answer = open_daemon.call("GET", address, headers=own)
            assert answer.json() == {"success": True, "reason": None}
        assert open_daemon.call("POST", "/v1/vms/a/restart", headers=own).status_code == 200

    def test_a_token_does_not_help_them(self, daemon: Daemon) -> None:
        for method, address in changing(daemon):
            foreign = {"Origin": "https://elsewhere.example", **bearer(FULL)}
            assert daemon.call(method, address, headers=foreign).status_code == 403


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip, of iproute2"
)
@pytest.mark.parametrize("address", ["192.0.2.1", "0.0.0.0", "::"])  # noqa: S104 - in a network of its own
def test_with_a_token_it_serves_a_network(address: str, tmp_path: Path) -> None:
    """One that no other machine is on."""
    network = 'ip link set lo up && ip address add 192.0.2.1/32 dev lo && exec "$@"'
    inside = ["unshare", "--net", "sh", "-c", network, "sh"]
    daemon = Daemon(tmp_path, LAPTOP, SCL_URL=address, SCL_PORT="8099", SCL_TOKEN=FULL)
    daemon.prefix = inside
    try:
        daemon.start()
        assert daemon.process
        enter = ["nsenter", f"--target={daemon.process.pid}", "--net", "curl", "--silent"]
        url = "http://192.0.2.1:8099/listvm" if address != "::" else "http://[::1]:8099/listvm"
        for header, expected in ((f"Bearer {FULL}", "[]200"), ("Bearer x", "401")):
            reported = subprocess.run(
                [*enter, "--write-out", "%{http_code}", "-H", f"Authorization: {header}", url],
                capture_output=True,
                text=True,
                check=True,
            )
            assert reported.stdout.endswith(expected)
    finally:
        daemon.end(signal.SIGKILL)
        daemon.session.close()
