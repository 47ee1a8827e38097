"""URLs of the hosts' daemons as users give them."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORT = 8099

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


class NodeUrl(NamedTuple):
    """Where a host's daemon is.

    Attributes:
        given: the URL as it was given; the host is told by it.
        base: scheme, host and port; a path can be appended.
        place: host and port.
    """

    given: str
    base: str
    place: str


def parse_node_url(given: str) -> NodeUrl:
    """Read a URL: `http` and port 8099 where it does not say otherwise.

    Raises:
        ValueError: it is none, or more than scheme, host and port.
    """
    text = given.strip()
    try:
        parts = urlsplit(text if _SCHEME.match(text) else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{given!r} is no URL of a host: {error}") from None
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise ValueError(f"{given!r} is no URL of a host, such as http://192.0.2.7:{DEFAULT_PORT}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{given!r}: a host's URL is scheme, host and port, and nothing after")
    place = f"{host.lower()}:{port or DEFAULT_PORT}"
    return NodeUrl(text, f"{parts.scheme}://{place}", place)


def parse_node_list(text: str) -> list[NodeUrl]:
    """Read URLs separated by commas; one that comes again is dropped.

    Raises:
        ValueError: one is no URL.
    """
    urls = [parse_node_url(word) for word in text.split(",") if word.strip()]
    return list({url.base: url for url in reversed(urls)}.values())[::-1]
