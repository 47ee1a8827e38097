"""Who may call: bearer tokens, and what a browser must not be tricked into."""

import hmac
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from slackvm.api.errors import RestError
from slackvm.api.roles import Caller, Role
from slackvm.http.inputs import Environ
from slackvm.model.codes import Code

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::([0-9]*))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a daemon. Without any, everybody who reaches it may do everything.

    Attributes:
        full: allows everything.
        read: allows what changes nothing.

    Raises:
        ValueError: a token is empty or not printable ASCII, or only `read` is given, or both are
            the same.
    """

    full: str | None = field(default=None, repr=False)
    read: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for token in (self.full, self.read):
            if token is not None and not re.fullmatch(r"[!-~]+", token):
                raise ValueError("a token is one or more printable ASCII characters, no spaces")
        if self.read is not None and self.full is None:
            raise ValueError("a read-only token needs a full one beside it: nobody could change")
        if self.read is not None and self.read == self.full:
            raise ValueError("the read-only token is the full one: whoever reads could change")

    def role(self, authorization: str) -> Role:
        """Return what an `Authorization` header allows, which may hold any bytes."""
        if self.full is None:
            return Role.ADMIN
        scheme, _, credentials = authorization.partition(" ")
        given = credentials.strip().encode("latin-1", "replace")
        # Both are compared, always: how long it takes tells nothing.
        full = hmac.compare_digest(given, self.full.encode())
        read = hmac.compare_digest(given, (self.read or self.full).encode())
        if scheme.lower() != "bearer":
            return Role.NONE
        return Role.ADMIN if full else Role.READ if read else Role.NONE


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


def check_token(tokens: Tokens, environ: Environ, needed: Role) -> Caller:
    """Return who sent a request, and refuse it without the token that it needs.

    Raises:
        RestError: 401 without a valid token, 403 with one that does not suffice.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    role = tokens.role(authorization)
    if role is Role.NONE:
        problem = ', error="invalid_token"' if authorization else ""
        raise RestError(
            Code.UNAUTHORIZED,
            "a valid token is needed: Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": f'Bearer realm="slackvm"{problem}'},
        )
    if role < needed:
        raise RestError(
            Code.FORBIDDEN,
            f"this token has the role {role.name.lower()}; {needed.name.lower()} is needed",
        )
    return Caller(role, address=environ.get("REMOTE_ADDR", ""))


def check_host(tokens: Tokens, environ: Environ) -> None:
    """Refuse a page whose own name was made to point to this machine (DNS rebinding).

    Only without tokens: such a page has none.

    Raises:
        RestError: 403 where the `Host` header is not the name or an address of this machine.
    """
    host = environ.get("HTTP_HOST")
    if tokens.full is None and host is not None and not is_loopback(_host_and_port(host)[0]):
        raise RestError(
            Code.FORBIDDEN, "without a token only localhost, 127.0.0.1 and [::1] are served"
        )


def check_site(environ: Environ) -> None:
    """Refuse a change that a browser sends for a page of another site.

    Raises:
        RestError: 403.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    origin = environ.get("HTTP_ORIGIN")
    if site not in ("same-origin", "none") or (origin is not None and not _is_own(origin, environ)):
        raise RestError(Code.FORBIDDEN, "a page of another site may not change anything here")


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
