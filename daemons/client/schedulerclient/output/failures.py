"""Errors that end `slackvm` with one line on stderr and an exit code.

0 done, 1 refused or failed, 2 usage or bad input, 3 unreachable, 130 interrupted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import click

from schedulerclient.output.text import printable


class Failed(click.ClickException):
    """The server refused a request, or it failed.

    Args:
        message: printed as one line, whatever the server put into it.
        code: the server's error code; empty: it gave none.
        document: the server's whole reply; None: it is not JSON.
    """

    def __init__(self, message: str, code: str = "", document: Any = None) -> None:
        super().__init__(printable(message))
        self.code = code
        self.document = document

    @property
    def field(self) -> str:
        """The field of the request that the server refused; empty: it names none."""
        error = self.document.get("error") if isinstance(self.document, dict) else None
        field = error.get("field") if isinstance(error, dict) else None
        return field.partition(".")[0] if isinstance(field, str) else ""

    def of(self, name: str) -> Self:
        """Return the same failure with the name of the VM or host that it is about."""
        return type(self)(f"{name}: {self.message}", self.code, self.document)


class BadInput(Failed):
    """The user must correct the input."""

    exit_code = 2


class Denied(Failed):
    """The token does not allow the request; it would allow no other one like it."""


class Unreachable(Failed):
    """The server did not answer."""

    exit_code = 3


class Interrupted(Failed):
    """The user ended the command while a request was under way."""

    exit_code = 130


@contextmanager
def about(name: str) -> Iterator[None]:
    """Prefix failures of the block with a name, but those that would be the same for all."""
    try:
        yield
    except (Denied, Unreachable, Interrupted):
        raise
    except Failed as failure:
        raise failure.of(name) from None
