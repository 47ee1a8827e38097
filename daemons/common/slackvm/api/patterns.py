"""Patterns of texts in requests, each with a sentence that describes it to people."""

from pydantic_core import ErrorDetails

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
OPTIONAL_NAME = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$"
HOST_NAME = r"^[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,299}$"
OPTIONAL_HOST_NAME = r"^([A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,299})?$"
IMAGE_PATH = r"^/[^\x00-\x1f\x7f-\x9f]+$"
VM_POSITION = r"^[^/]*(/(host|lost)/-?[0-9]{1,20}(\.[0-9]{1,30})?(e[-+]?[0-9]{1,3})?)?$"
IDEMPOTENCY_KEY = r"^[A-Za-z0-9-]{1,64}$"

OPTIONAL_TOKEN = r"^([!-~]{16,1024})?$"  # noqa: S105 - a pattern

_PORT = r"([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
HOST_URL = rf"^(https?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?/?$"

_SENTENCES = {
    NAME: (
        "a name has 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a "
        "letter or digit"
    ),
    OPTIONAL_NAME: (
        "a name has 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a "
        "letter or digit; empty: none"
    ),
    OPTIONAL_TOKEN: "a token has 16 to 1024 printable ASCII characters and no space; empty: none",
    HOST_NAME: "the name of a host has letters, digits, dots, hyphens and underscores",
    OPTIONAL_HOST_NAME: (
        "the name of a host has letters, digits, dots, hyphens and underscores; empty: any host"
    ),
    IMAGE_PATH: "an image is an absolute path without control characters",
    VM_POSITION: "it is no position in the list; use the `after` of the page before",
    IDEMPOTENCY_KEY: "an idempotency key has 1 to 64 letters, digits and hyphens",
    HOST_URL: "the URL of a host is written HOST, HOST:PORT or https://HOST:PORT",
}


def reason(detail: ErrorDetails) -> str:
    """Return why pydantic refuses a value, without a regular expression of this module."""
    context = detail.get("ctx", {})
    sentence = _SENTENCES.get(context.get("pattern", ""))
    return sentence or str(context.get("error", detail["msg"]))
