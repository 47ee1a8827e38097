"""Labels on the command line, written `KEY=VALUE`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from schedulerclient.output.failures import BadInput, Failed
from schedulerclient.session.server import Server
from slackvm.model.codes import Code
from slackvm.model.labels import parse_labels

Command = TypeVar("Command", bound=Callable[..., Any])

_SINCE = {
    **dict.fromkeys(("labels", "label", "require"), "0.2.0"),
    **dict.fromkeys(("host", "anti_affinity"), "0.3.0"),
}
"""Fields of requests, each with the first release that knows it."""


def labels_option(name: str, parameter: str, about: str) -> Callable[[Command], Command]:
    """Return an option that takes a label and can be given many times.

    Args:
        name: the option, `--label`.
        parameter: the function's parameter that gets the labels, as a dict.
        about: its help.
    """
    return click.option(
        name,
        parameter,
        metavar="KEY=VALUE",
        multiple=True,
        callback=lambda _context, _parameter, texts: _parse(texts),
        help=about,
    )


label_option = labels_option("--label", "labels", "A label of the VM. Can be given many times.")
require_option = labels_option(
    "--require", "require", "Use only hosts with this label. Can be given many times."
)


def label_changes(texts: Sequence[str]) -> dict[str, str | None]:
    """Read changes of labels: `KEY=VALUE` sets one; `KEY-` removes it, as None.

    Raises:
        click.BadParameter: a text is neither, a key comes twice, or a label is not allowed.
    """
    removed = [text.removesuffix("-") for text in texts if _is_removal(text)]
    given = [text for text in texts if not _is_removal(text)]
    # The keys are checked like those of labels, and must differ from them.
    _parse([*given, *(f"{key}=" for key in removed)])
    return {**_parse(given), **dict.fromkeys(removed)}


@contextmanager
def fields_explained(server: Server, given: object) -> Iterator[None]:
    """Explain why the server refuses labels or other fields, if it does not know them.

    Args:
        server: the server that gets a request in the block.
        given: the fields in the request; without any, nothing is explained.

    Raises:
        BadInput: the server is of a release without them, or is a host and cannot choose one.
    """
    try:
        yield
    except Failed as failure:
        field = failure.field or "labels of hosts"
        is_refused = failure.code == Code.INVALID and failure.field in _SINCE
        if not given or not (is_refused or failure.code == Code.METHOD_NOT_ALLOWED):
            raise
        release = f"runs SlackVM {server.version() or 'of an unknown version'}"
        need = "a server" if field in ("label", "labels") else "a controller"
        since = _SINCE.get(field, "0.2.0")
        message = (
            f"{server.url} {release} and does not accept {field}: {need} of {since} or later does"
        )
        raise BadInput(message, failure.code, failure.document) from None


def _is_removal(text: str) -> bool:
    return text.endswith("-") and "=" not in text


def _parse(texts: Sequence[str]) -> dict[str, str]:
    if not all(text.strip() for text in texts):
        raise click.BadParameter("'' is not a label; a label is written key=value")
    try:
        return parse_labels(",".join(texts))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
