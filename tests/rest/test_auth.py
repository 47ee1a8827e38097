"""Who may call."""

from collections.abc import Iterator

import pytest
import requests

from rest.toy import FULL, READ, TOKENS, Toy, error, raw, serving
from slackvm.http.auth import Tokens, check_bind
from slackvm.http.server import RestServer

DEPLOY = "/deploy?name=vm1&cpu=1&mem=1&oc=1"


def get(url: str, path: str, **headers: str) -> requests.Response:
    return requests.get(url + path, headers=headers, timeout=5)


@pytest.fixture(scope="module")
def open_server() -> Iterator[RestServer]:
    """Serves without tokens, to this machine."""
    with serving(Toy(), Tokens()) as server:
        yield server


class TestTokens:
    """Full, read-only, wrong, none."""

    @pytest.mark.parametrize("path", ["/v1/vms", DEPLOY, "/metrics", "/openapi.json", "/"])
    @pytest.mark.parametrize(
        "authorization",
        [
            "Bearer wrong-token",
            "Bearer full-toke",
            "Bearer full-tokenx",
            "Bearer",
            "Bearer ",
            "full-token",
            "Basic full-token",
            "Bearer full-token full-token",
            "Bearer \xff\xfe\x80",
            "Bearer " + "x" * 10_000,
        ],
    )
    def test_without_the_right_token_there_is_nothing(
        self, url: str, toy: Toy, path: str, authorization: str
    ) -> None:
        answer = get(url, path, Authorization=authorization.encode("latin-1"))  # type: ignore[arg-type]  # as requests takes it
        assert error(answer, 401)["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert not toy.vms

    def test_a_missing_token_is_asked_for(self, url: str) -> None:
        answer = get(url, "/v1/vms")
        assert error(answer, 401)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="slackvm"'

    def test_the_scheme_may_be_written_in_any_case(self, url: str) -> None:
        assert get(url, "/v1/vms", Authorization="bEARER full-token").status_code == 200

    def test_the_reading_token_changes_nothing(self, url: str, toy: Toy) -> None:
        assert get(url, "/v1/vms", **READ).status_code == 200
        answer = get(url, DEPLOY, **READ)
        assert error(answer, 403)["code"] == "forbidden"
        assert answer.json()["success"] is False
        assert not toy.vms
        assert get(url, DEPLOY, **FULL).status_code == 200

    def test_health_needs_no_token(self, url: str) -> None:
        assert get(url, "/healthz").json() == {"version": "1.2.3"}
        assert get(url, "/healthz", Authorization="Bearer wrong").status_code == 200

    def test_a_token_is_checked_before_anything_is_read(self, url: str) -> None:
        """Nobody learns what would be allowed."""
        assert error(get(url, "/deploy?cpu=abc"), 401)
        assert error(requests.post(f"{url}/v1/vms", data=b"x" * 2_000_000, timeout=5), 401)

    @pytest.mark.parametrize(
        ("full", "read"),
        [("", None), ("a b", None), ("é", None), (None, "r"), ("f", ""), ("same", "same")],
    )
    def test_tokens_that_protect_nothing_are_refused(
        self, full: str | None, read: str | None
    ) -> None:
        with pytest.raises(ValueError, match="token"):
            Tokens(full, read)

    def test_tokens_do_not_show_when_they_are_printed(self) -> None:
        assert "full-token" not in repr(TOKENS)


class TestBrowsers:
    """What a page that a user looks at must not be able to do."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1"},
            {"Origin": "http://127.0.0.1:1"},
            {"Origin": "http://["},
            {"Origin": ""},
        ],
    )
    def test_a_page_of_another_site_changes_nothing(
        self, open_server: RestServer, headers: dict[str, str]
    ) -> None:
        url = open_server.url
        assert error(get(url, DEPLOY, **headers), 403)["code"] == "forbidden"
        assert error(requests.post(f"{url}/v1/vms", json={}, headers=headers, timeout=5), 403)
        assert error(requests.delete(f"{url}/v1/vms/a", headers=headers, timeout=5), 403)
        assert get(url, "/listvm", **headers).json() == []

    def test_a_page_of_this_daemon_may_change(self, open_server: RestServer) -> None:
        url = open_server.url
        own = {"Sec-Fetch-Site": "same-origin", "Origin": url}
        assert get(url, DEPLOY, **own).status_code == 200
        assert get(url, "/remove?name=vm1", **own, **{"Sec-Fetch-Mode": "cors"}).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
            {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"},
            {"Sec-Purpose": "prefetch"},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Purpose": "prefetch"},
        ],
    )
    def test_a_link_that_is_clicked_or_fetched_ahead_changes_nothing(
        self, open_server: RestServer, headers: dict[str, str]
    ) -> None:
        assert error(get(open_server.url, DEPLOY, **headers), 403)["code"] == "forbidden"
        assert get(open_server.url, "/listvm", **headers).json() == []

    def test_a_proxy_may_speak_https_for_the_daemon(self, open_server: RestServer) -> None:
        behind = {"Host": "localhost", "Origin": "https://localhost:443"}
        assert get(open_server.url, "/remove?name=none", **behind).status_code == 404

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:8099", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"]
    )
    @pytest.mark.parametrize("path", ["/listvm", "/healthz", "/nothing"])
    def test_without_a_token_another_name_of_this_machine_is_not_served(
        self, open_server: RestServer, host: str, path: str
    ) -> None:
        """DNS rebinding: the page's own name has come to point here."""
        assert error(get(open_server.url, path, Host=host), 403)["code"] == "forbidden"

    def test_the_error_has_the_form_of_the_endpoint(self, open_server: RestServer) -> None:
        answer = get(open_server.url, DEPLOY, Host="evil.example")
        assert error(answer, 403)
        assert answer.json()["success"] is False

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.1.2.3:8099", "[::1]:8099"])
    def test_names_of_this_machine_are_served(self, open_server: RestServer, host: str) -> None:
        assert get(open_server.url, "/listvm", Host=host).status_code == 200

    def test_with_a_token_every_name_is_served(self, url: str) -> None:
        assert get(url, "/v1/vms", Host="host1.example:8099", **FULL).status_code == 200

    def test_a_client_without_a_host_header_is_no_browser(self, open_server: RestServer) -> None:
        assert raw(open_server, b"GET /listvm HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


class TestAddresses:
    """Where a daemon may listen."""

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
    def test_this_machine_needs_no_token(self, address: str) -> None:
        check_bind(address, None, "SCL_TOKEN")

    @pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "host1", ""])  # noqa: S104 - is refused
    def test_a_network_needs_one(self, address: str) -> None:
        with pytest.raises(ValueError, match=r"no token.*Set SCL_TOKEN"):
            check_bind(address, None, "SCL_TOKEN")
        check_bind(address, "token", "SCL_TOKEN")
