"""The server's URL, and the certificates for it."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from slackvm.settings import ClientSettings, SettingsError

_NEEDED = "HOST:PORT, http://HOST:PORT or https://HOST:PORT is needed"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not listened on
"""Loopback address of a server that listens on every address."""


def base_url(settings: ClientSettings) -> str:
    """Return the server's URL, without a slash at its end.

    Raises:
        SettingsError: it is invalid, or no setting gives it.
    """
    url = settings.slackvm_url.rstrip("/")
    if not url:
        return _controller_here(settings)
    if "://" not in settings.slackvm_url:
        url = f"http://{url}"
    if "@" in url:
        # The message leaves the URL out: it may contain a password.
        raise SettingsError(
            "SLACKVM_URL: a user name or password is not allowed in the URL; a token goes in "
            "SLACKVM_TOKEN"
        )
    try:
        parts = urlsplit(url)
        well = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise SettingsError(f"SLACKVM_URL: {settings.slackvm_url!r} is not allowed: {_NEEDED}")
    return url


def _controller_here(settings: ClientSettings) -> str:
    """Return the URL of the controller whose own settings these are."""
    if settings.scg_port == 0:
        raise SettingsError(
            f"SCG_PORT: 0 is not a port to connect to; SLACKVM_URL or --url: {_NEEDED}"
        )
    scheme = "https" if settings.scg_tls_cert else "http"
    host = _ANY.get(settings.scg_url, settings.scg_url)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.scg_port}"


def trusted(settings: ClientSettings) -> str | bool:
    """Return the trusted CAs: a file of them, or True: those of this machine.

    Raises:
        SettingsError: the file cannot be used.
    """
    authority = settings.slackvm_tls_ca
    if not authority:
        return True
    _check_file("SLACKVM_TLS_CA", authority)
    try:
        ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"SLACKVM_TLS_CA: {authority}: not a file of certificates: {error}"
        ) from error
    return authority


def own_certificate(settings: ClientSettings) -> tuple[str, str] | None:
    """Return the files of the client's certificate and its key, or None.

    Raises:
        SettingsError: they cannot be used.
    """
    certificate, key = settings.slackvm_tls_cert, settings.slackvm_tls_key
    if bool(certificate) != bool(key):
        raise SettingsError(
            "SLACKVM_TLS_CERT and SLACKVM_TLS_KEY go together: give both or neither"
        )
    if not certificate:
        return None
    _check_file("SLACKVM_TLS_CERT", certificate)
    _check_file("SLACKVM_TLS_KEY", key)
    try:
        ssl.create_default_context().load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"SLACKVM_TLS_CERT, SLACKVM_TLS_KEY: {certificate}, {key}: not a certificate "
            f"with its key: {error}"
        ) from error
    return certificate, key


def _check_file(name: str, path: str) -> None:
    if not Path(path).is_file():
        raise SettingsError(f"{name}: there is no file {path}")


def _no_password() -> str:
    # Without this OpenSSL would prompt for the password on the terminal, behind the spinner.
    raise ValueError("the key is encrypted")
