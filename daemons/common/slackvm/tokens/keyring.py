"""The named tokens that a running daemon accepts."""

import threading
import time
from pathlib import Path

import structlog

from slackvm.api.roles import Limits
from slackvm.formats.private import is_readable_by_everybody
from slackvm.tokens.token_file import (
    NamedToken,
    Secret,
    TokenFileError,
    hash_of,
    read_tokens,
)

log = structlog.get_logger(__name__)

_LOOK_S = 1.0
"""Seconds between two looks at whether the file has changed."""


class Keyring:
    """Follows a file of tokens.

    A changed file counts within about a second. One that cannot be used changes nothing: the tokens
    that are known stay valid, and an error is logged.

    Args:
        path: the file.
        has_owners: whether the daemon keeps VMs of one token from another. If not, tokens of the
            role `deploy` are refused, because they would see everything.

    Raises:
        TokenFileError: the file cannot be used.
    """

    def __init__(self, path: Path, *, has_owners: bool) -> None:
        self._path = path
        self._has_owners = has_owners
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()
        self._looked_at = time.monotonic()
        self._tokens = self._read()

    def find(self, token: bytes) -> NamedToken | None:
        """Return what a token is; None: it is unknown, or not valid any more."""
        self._look()
        # Who measures how long this takes learns something about hashes, but not about tokens.
        named, secret = self._tokens.get(hash_of(token), (None, None))
        return named if secret and secret.is_valid(time.time()) else None

    def reload(self) -> None:
        """Read the file again."""
        with self._lock:
            self._load(self._stamp_now())

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked_at = now
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._load(stamp)
        finally:
            self._lock.release()

    def _load(self, stamp: object) -> None:
        self._stamp = stamp
        try:
            self._tokens = self._read()
        except TokenFileError as error:
            log.error("token_file_unusable", reason=str(error), kept=len(self._tokens))
        else:
            log.info("token_file_read", path=str(self._path), valid=len(self._tokens))

    def _read(self) -> dict[str, tuple[NamedToken, Secret]]:
        content = read_tokens(self._path)
        if not self._has_owners:
            for token in content.tokens:
                if token.role == "deploy" or token.limits != Limits():
                    raise TokenFileError(
                        f"{self._path}: {token.name} has the role deploy, which only the "
                        "controller can give: a host does not know whose a VM is"
                    )
        if is_readable_by_everybody(self._path):
            log.warning("token_file_readable_by_everybody", path=str(self._path))
        return {
            secret.sha256: (token, secret) for token in content.tokens for secret in token.secrets
        }

    def _stamp_now(self) -> object:
        try:
            found = self._path.stat()
        except OSError as error:
            return error.errno
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
