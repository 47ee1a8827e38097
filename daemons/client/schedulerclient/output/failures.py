"""How `slackvm` ends when something is wrong: one line, and an exit code that says whose fault.

0 done, 1 refused or failed, 2 usage or bad input, 3 unreachable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import click

from schedulerclient.output.text import printable


class Failed(click.ClickException):
    """It was refused, or it failed.

    Args:
        message: one line, whatever the server put into it.
        code: the server's, for programs; empty: it gave none.
        document: the server's whole reply, where it is JSON; None: there is none.
    """

    def __init__(self, message: str, code: str = "", document: Any = None) -> None:
        super().__init__(printable(message))
        self.code = code
        self.document = document

    def of(self, name: str) -> Self:
        """Return the same failure as one of what `name` names."""
        return type(self)(f"{name}: {self.message}", self.code, self.document)


class BadInput(Failed):
    """Input that the user must mend."""

    exit_code = 2


class Denied(Failed):
    """The token does not allow it: nothing else would be allowed either."""


class Unreachable(Failed):
    """No answer came."""

    exit_code = 3


@contextmanager
def about(name: str) -> Iterator[None]:
    """Let a failure of the block say what it is about, unless it would be the same for all."""
    try:
        yield
    except (Denied, Unreachable):
        raise
    except Failed as failure:
        raise failure.of(name) from None
