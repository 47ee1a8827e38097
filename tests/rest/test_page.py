"""A page of files beside a REST interface."""

from collections.abc import Iterator

import pytest
import requests

from slackvm.http import static as page
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.metrics import Metrics
from slackvm.http.server import RestServer

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>A page</title>")
    (folder / "main.js").write_text("export {};")
    (folder / "secret.txt").write_text("no part of a page")
    app = RestApp(
        page.routes(folder, "a line\n"),
        title="Page",
        version="1",
        tokens=Tokens("full-token"),
        metrics=Metrics(),
    )
    with RestServer(app, "127.0.0.1", 0) as server:
        yield server.url


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


@pytest.mark.parametrize("accept", [FIREFOX, "text/html", "TEXT/HTML ; q=0.1"])
def test_a_browser_gets_the_page(url: str, accept: str) -> None:
    answer = get(f"{url}/", Accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "A page" in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0", "text/htmlx"])
def test_others_get_a_line(url: str, accept: str) -> None:
    answer = get(f"{url}/", Accept=accept)
    assert answer.text == "a line\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"


def test_nothing_from_elsewhere_may_be_loaded_or_frame_it(url: str) -> None:
    for path in ("/", "/page/main.js"):
        headers = get(url + path, Accept=FIREFOX).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_is_known_is_not_sent_again(url: str) -> None:
    first = get(f"{url}/page/main.js")
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert first.headers["Cache-Control"] == "no-cache"
    again = get(f"{url}/page/main.js", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["nothing.js", "secret.txt", "../page.py", "..%2fpage.py", "%2e%2e/index.html", ""]
)
def test_only_files_of_the_page_are_served(url: str, path: str) -> None:
    answer = requests.Request("GET", url).prepare()
    answer.url = f"{url}/page/{path}"  # as it stands: requests would resolve the dots
    with requests.Session() as session:
        assert session.send(answer, timeout=10).status_code in (400, 404)
