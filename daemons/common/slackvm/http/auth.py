"""Who may call: bearer tokens, and what a browser must not be tricked into."""

import ipaddress
import re
from typing import Protocol
from urllib.parse import urlsplit

from slackvm.api.endpoint import AnyEndpoint
from slackvm.api.errors import RestError
from slackvm.api.roles import Caller, Role
from slackvm.http.inputs import Environ
from slackvm.model.codes import Code
from slackvm.tokens.token_file import NamedToken, hash_of

CALLER = "slackvm.caller"
"""Key in a request's environment: its `Caller`, also where the request is refused."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::([0-9]*))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Keys(Protocol):
    """Named tokens, which may change."""

    def find(self, token: bytes) -> NamedToken | None:
        """Return what a token is; None: it is not valid."""

    def reload(self) -> None:
        """Read them again."""


class Tokens:
    """The tokens of a daemon. Without any, everybody who reaches it may do everything.

    Args:
        full: allows everything.
        read: allows what changes nothing.
        keyring: named tokens; None: there is no file of them.

    Raises:
        ValueError: a token is empty or not printable ASCII, or only `read` is given, or both are
            the same.
    """

    def __init__(
        self, full: str | None = None, read: str | None = None, keyring: Keys | None = None
    ) -> None:
        for token in (full, read):
            if token is not None and not re.fullmatch(r"[!-~]+", token):
                raise ValueError("a token is one or more printable ASCII characters, no spaces")
        if read is not None and full is None and keyring is None:
            raise ValueError("a read-only token needs a full one beside it: nobody could change")
        if read is not None and read == full:
            raise ValueError("the read-only token is the full one: whoever reads could change")
        # Compared by their hashes: how long that takes tells nothing about them.
        given = ((full, Role.ADMIN), (read, Role.READ))
        self._settings = {hash_of(token.encode()): role for token, role in given if token}
        self._keyring = keyring

    @property
    def are_needed(self) -> bool:
        """Whether requests need a token."""
        return bool(self._settings) or self._keyring is not None

    def caller(self, authorization: str, address: str) -> Caller:
        """Return who sends an `Authorization` header, which may hold any bytes.

        Args:
            authorization: the header.
            address: where the request came from.
        """
        if not self.are_needed:
            return Caller(Role.ADMIN, address=address)
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return Caller(address=address)
        given = credentials.strip().encode("latin-1", "replace")
        role = self._settings.get(hash_of(given))
        if role is not None:
            return Caller(role, address=address)
        named = self._keyring.find(given) if self._keyring else None
        if named is None:
            return Caller(address=address)
        return Caller(named.allowed, named.name, address, named.limits)

    def reload(self) -> None:
        """Read the named tokens again."""
        if self._keyring is not None:
            self._keyring.reload()


def check_bind(address: str, token: str | None, setting: str) -> None:
    """Refuse to listen to a network without a token.

    Args:
        address: where it would listen.
        token: who has it may do everything.
        setting: the name of the setting that holds the token.

    Raises:
        ValueError: `address` is not loopback and there is no token.
    """
    if not token and not is_loopback(address):
        raise ValueError(
            f"{address!r} is not a loopback address, and there is no token: whoever reaches it "
            f"could change everything. Set {setting}, or listen on 127.0.0.1"
        )


def check_token(tokens: Tokens, environ: Environ, endpoint: AnyEndpoint) -> Caller:
    """Return who sent a request, and refuse it without the token that its endpoint needs.

    Raises:
        RestError: 401 without a valid token, 403 with one that does not suffice.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    caller = tokens.caller(authorization, environ.get("REMOTE_ADDR", ""))
    environ[CALLER] = caller
    needed = endpoint.needed_role
    if caller.role is Role.NONE:
        problem = ', error="invalid_token"' if authorization else ""
        raise RestError(
            Code.UNAUTHORIZED,
            "a valid token is needed: Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": f'Bearer realm="slackvm"{problem}'},
        )
    if not endpoint.allows(caller.role):
        raise RestError(
            Code.FORBIDDEN,
            f"this token has the role {caller.role.name.lower()}; {needed.name.lower()} is needed",
        )
    return caller


def check_host(tokens: Tokens, environ: Environ) -> None:
    """Refuse a page whose own name was made to point to this machine (DNS rebinding).

    Only without tokens: such a page has none.

    Raises:
        RestError: 403 where the `Host` header is not the name or an address of this machine.
    """
    host = environ.get("HTTP_HOST")
    if not tokens.are_needed and host is not None and not is_loopback(_host_and_port(host)[0]):
        raise RestError(
            Code.FORBIDDEN, "without a token only localhost, 127.0.0.1 and [::1] are served"
        )


def check_site(environ: Environ) -> None:
    """Refuse a change that a browser sends for a page of another site, a link, or ahead of time.

    Raises:
        RestError: 403.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    origin = environ.get("HTTP_ORIGIN")
    if site not in ("same-origin", "none") or (origin is not None and not _is_own(origin, environ)):
        raise RestError(Code.FORBIDDEN, "a page of another site may not change anything here")
    # Programs send none of these headers.
    if "prefetch" in f"{environ.get('HTTP_SEC_PURPOSE')} {environ.get('HTTP_PURPOSE')}".lower():
        raise RestError(Code.FORBIDDEN, "a browser may not change anything ahead of time")
    if environ.get("HTTP_SEC_FETCH_MODE") == "navigate":
        raise RestError(
            Code.FORBIDDEN, "a link or an address in a browser may not change anything; use curl"
        )


def is_loopback(host: str) -> bool:
    """Tell whether a host, a name or an address, is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_own(origin: str, environ: Environ) -> bool:
    """Tell whether an `Origin` is the `Host`; a proxy may have changed http to https."""
    try:
        scheme, there = urlsplit(origin)[:2]
    except ValueError:
        return False
    default = _DEFAULT_PORTS.get(scheme)
    host, port = _host_and_port(environ.get("HTTP_HOST", ""))
    own = (host, port or default)
    host, port = _host_and_port(there)
    return host != "" and default is not None and (host, port or default) == own


def _host_and_port(header: str) -> tuple[str, str | None]:
    match = _HOST.fullmatch(header)
    if match is None:
        return "", None
    return (match[1] or match[2]).lower(), match[3] or None
