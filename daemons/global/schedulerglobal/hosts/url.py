"""URLs of the hosts' daemons as users give them."""

import re
from ipaddress import IPv6Address
from typing import NamedTuple

from pydantic import SecretStr

from slackvm.http.auth import is_loopback

DEFAULT_PORT = 8099
_LAST_PORT = 65535

_URL = re.compile(
    r"(?:(https?)://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?", re.IGNORECASE
)


class HostUrl(NamedTuple):
    """Where a host's daemon is.

    Attributes:
        given: the URL as it was given, which clients see.
        base: scheme, host and port; a path can be appended.
        place: host and port.
        token: what this host is sent; empty: the token of all hosts.
    """

    given: str
    base: str
    place: str
    token: SecretStr = SecretStr("")

    @property
    def is_https(self) -> bool:
        """Whether the connection is encrypted, and the host shows a certificate."""
        return self.base.startswith("https:")

    @property
    def has_scheme(self) -> bool:
        """Whether http or https was given."""
        return "://" in self.given

    @property
    def is_private(self) -> bool:
        """Whether nobody on a network can read what is sent there."""
        return self.is_https or is_loopback(self.place.rpartition(":")[0].strip("[]"))


def parse_host_url(given: str) -> HostUrl:
    """Read a URL: `http` and port 8099 are the defaults.

    Raises:
        ValueError: it is invalid, or has more than scheme, host and port.
    """
    text = given.strip()
    match = _URL.fullmatch(text)
    if match is None or int(match[3] or 0) > _LAST_PORT or not _is_host(match[2]):
        example = f"http://192.0.2.7:{DEFAULT_PORT}"
        raise ValueError(
            f"{given!r} is not the URL of a host's daemon: give http or https, host and port, "
            f"as in {example}, and no path"
        )
    place = f"{match[2].lower()}:{int(match[3] or DEFAULT_PORT)}"
    return HostUrl(text, f"{(match[1] or 'http').lower()}://{place}", place)


def as_known(url: HostUrl, known: HostUrl) -> HostUrl:
    """Return a URL with the scheme of the known one where it was given without."""
    if url.has_scheme or not known.is_https:
        return url
    return parse_host_url(f"https://{url.place}")._replace(token=url.token)


def _is_host(text: str) -> bool:
    """Return whether a name is not in brackets, or an address of IPv6 is."""
    if not text.startswith("["):
        return True
    try:
        IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True


def parse_host_list(text: str) -> list[HostUrl]:
    """Read URLs separated by commas; a repeated one is dropped.

    Raises:
        ValueError: one is invalid.
    """
    urls = [parse_host_url(word) for word in text.split(",") if word.strip()]
    return list({url.base: url for url in reversed(urls)}.values())[::-1]
