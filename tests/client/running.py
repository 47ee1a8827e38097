"""Running the client within the test's own process: quicker than one of its own for each."""

import json
import time
from collections.abc import Callable
from typing import Any

from click.testing import CliRunner

from live.daemons import Served
from schedulerclient.cli import cli


def run(url: str, *arguments: str, expect: int = 0, **environment: str) -> tuple[str, str]:
    """Return what a command prints on stdout and stderr."""
    result = CliRunner().invoke(
        cli, arguments, env={"SLACKVM_URL": url, **environment}, prog_name="slackvm"
    )
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    assert result.exit_code == expect, result.output
    return result.stdout, result.stderr


def output_of(served: Served, *arguments: str, expect: int = 0) -> str:
    """Return all that a command prints, stdout and stderr."""
    return "".join(run(served.url, *arguments, expect=expect))


def reply(served: Served, *arguments: str, expect: int = 0) -> Any:
    """Return the one JSON document that a command prints."""
    return json.loads(run(served.url, *arguments, "--json", expect=expect)[0])


def rows(served: Served, *arguments: str) -> list[dict[str, str]]:
    """Return the table that a command prints, a row as its words by the column's name."""
    return table(run(served.url, *arguments)[0].splitlines())


def table(lines: list[str]) -> list[dict[str, str]]:
    """Return the rows of a table, each as its words by the column's name."""
    head, *body = lines
    return [dict(zip(head.split(), line.split(), strict=True)) for line in body]


def wait_until(what: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so; a test fails where it does not become so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)
