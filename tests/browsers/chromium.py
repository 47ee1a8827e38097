"""Debian's Chromium, driven by Playwright; whatever a page does wrong on a visit is noted."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")

# Nothing but the page itself may use the network.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]

PATIENCE_MS = 60_000

_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_UNREACHABLE = "Failed to load resource: net::"


@dataclass
class Visit:
    """A page that was opened.

    Attributes:
        page: Playwright's.
        url: where the site is.
        requested: every URL that the page asked for.
        wrong: what it did wrong: errors, among them what its policy does not allow.
        refused: statuses with which a request was answered that was no success.
    """

    page: Page
    url: str
    requested: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)

    def go(self, address: str = "") -> None:
        """Open a view of the page by its address."""
        self.page.goto(f"{self.url}/{address}")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if status := _STATUS.match(message.text):
            self.refused.add(int(status[1]))
        elif message.text.startswith(_UNREACHABLE):
            self.refused.add(0)
        else:
            self.wrong.append(message.text)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(
    browser: Browser, url: str, *, refused: set[int] | None = None, **options: Any
) -> Iterator[Visit]:
    """Give a page of a site, and see at the end that it did nothing wrong.

    Args:
        browser: of `chromium`.
        url: where the site is.
        refused: statuses other than success that it may have been answered; 0: no answer.
        options: of the browser's context: its size, its colours.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page(), url)
    visit.page.on("request", lambda request: visit.requested.append(request.url))
    visit.page.on("console", visit._hear)
    visit.page.on("pageerror", lambda error: visit.wrong.append(str(error)))
    try:
        yield visit
    finally:
        # A request that a test answers itself may still be under way.
        visit.page.unroute_all(behavior="ignoreErrors")
        context.close()
    assert visit.wrong == []
    assert visit.refused <= (refused or set())
    assert [each for each in visit.requested if not each.startswith(f"{url}/")] == []
