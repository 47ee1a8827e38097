"""Logs of a daemon: structlog to stdout, one line an event, no secrets."""

import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO, cast

import structlog

Format = Literal["text", "json"]

_FIRST = ("timestamp", "level", "event")

REDACTED = "[redacted]"

_SECRET = re.compile(r"token|authorization|password|secret|cookie|credential", re.IGNORECASE)


def configure_logs(form: Format) -> None:
    """Send every event to stdout, as `key=value` or as JSON, from now on and from all threads."""
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer(default=str)]
        if form == "json"
        else [
            on_one_line,
            structlog.processors.LogfmtRenderer(key_order=_FIRST, bool_as_flag=False),
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            redact,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        logger_factory=lambda *_: structlog.WriteLogger(cast("TextIO", _STDOUT)),
        cache_logger_on_first_use=False,
    )


class _Stdout:
    """Standard output; if it is full or closed, the program that logs does not fail.

    What cannot be written is lost, and nothing is kept for later.
    """

    def write(self, text: str) -> None:
        """Write a line; whatever the encoding of standard output, as UTF-8."""
        if sys.stdout is None:  # closed when we were started: its number is another file's now
            return
        rest = memoryview(text.encode(errors="backslashreplace"))
        with suppress(OSError):
            while rest:
                rest = rest[os.write(sys.stdout.fileno(), rest) :]

    def flush(self) -> None:
        """Nothing is held back."""


_STDOUT = _Stdout()


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace what stands under the name of a secret, at any depth of mappings."""
    return {
        key: REDACTED if _SECRET.search(key) else _without_secrets(value)
        for key, value in event.items()
    }


def on_one_line(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Escape what cannot be printed, line ends and terminal codes too: clients send what they like.

    Names become such that the format allows.
    """
    return {
        "".join(c if c.isprintable() and c not in ' ="' else "_" for c in key): _printable(value)
        for key, value in event.items()
    }


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: REDACTED if _SECRET.search(str(key)) else _without_secrets(inner)
            for key, inner in value.items()
        }
    return value


def _printable(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    # The renderer escapes line feeds, and nothing else.
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in str(value))
