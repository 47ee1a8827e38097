"""The file of named tokens: JSON, with a hash of each token and never the token itself."""

import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slackvm.api import patterns
from slackvm.api.patterns import reason
from slackvm.api.roles import Limits, Role
from slackvm.formats.files import atomic_write
from slackvm.formats.versions import VersionError, readable_version

VERSION = 1

MOST_SECRETS = 2
"""Tokens of one name that are valid at a time: the old one, and the one that replaces it."""

PREFIX = "slackvm_"
"""How a token begins, so that a scanner finds one that was published by mistake."""

RoleName = Literal["read", "deploy", "operate", "admin"]

TokenName = Annotated[str, Field(pattern=patterns.NAME)]

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TokenFileError(ValueError):
    """A file of tokens cannot be used, or a change of it is not allowed."""


class _Kept(BaseModel):
    """A part of the file; fields of a later release are kept when it is written again."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class Secret(_Kept):
    """One token.

    Attributes:
        sha256: the token's hash, in hexadecimal digits. A token has 256 random bits, so nobody
            finds it by trying. A slow hash, as passwords need it, would cost each request its time.
        created: when it was made, in seconds since the epoch.
        expires: from when on it is not valid any more; None: it stays valid.
    """

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created: _Seconds
    expires: _Seconds | None = None

    def is_valid(self, now: float) -> bool:
        """Return whether the token is valid at a time in seconds since the epoch."""
        return self.expires is None or now < self.expires


class NamedToken(_Kept):
    """The tokens of one name.

    Attributes:
        name: also the owner of the VMs that it deploys.
        role: what it allows.
        limits: what its VMs may use at most; only for the role `deploy`.
        secrets: the tokens, the oldest first.
    """

    name: TokenName
    role: RoleName
    limits: Limits = Field(default_factory=Limits)
    secrets: list[Secret] = Field(max_length=MOST_SECRETS)

    @model_validator(mode="after")
    def _limit_tenants_only(self) -> "NamedToken":
        if self.role != "deploy" and self.limits != Limits():
            raise ValueError("only a token of the role deploy has limits")
        return self

    @property
    def allowed(self) -> Role:
        """What it allows."""
        return Role[self.role.upper()]


class TokenFile(_Kept):
    """The content of the file.

    Attributes:
        version: of its writer.
        readable_by: the oldest version whose readers can use it.
        tokens: the tokens by name.
    """

    version: int = VERSION
    readable_by: int = VERSION
    tokens: list[NamedToken] = Field(default_factory=list, max_length=10_000)

    @model_validator(mode="after")
    def _differ(self) -> "TokenFile":
        _once("the name", [token.name for token in self.tokens])
        _once("the hash", [each.sha256 for token in self.tokens for each in token.secrets])
        return self


def read_tokens(path: Path) -> TokenFile:
    """Return the content of a file of tokens.

    Raises:
        TokenFileError: it cannot be read, everybody can write it, or its content is not allowed.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except OSError as error:
        raise TokenFileError(f"{path}: cannot be read: {error.strerror}") from error
    if mode & stat.S_IWOTH:
        raise TokenFileError(f"{path}: every user can write it; run: chmod 0600 {path}")
    try:
        document = json.loads(content)
        if not isinstance(document, dict):
            raise TokenFileError(f"{path}: no JSON object")
        readable_version(document, VERSION)
        return TokenFile.model_validate_json(content)
    except VersionError as error:
        raise TokenFileError(f"{path}: {error}") from error
    except ValidationError as error:
        raise TokenFileError(f"{path}: {_error_text(error)}") from None
    except (ValueError, RecursionError) as error:
        known = isinstance(error, TokenFileError)
        raise error if known else TokenFileError(f"{path}: no JSON: {error}") from None


@contextmanager
def changing(path: Path) -> Iterator[dict[str, NamedToken]]:
    """Give the tokens by name; what the block makes of them is written, whole or not at all.

    Owner, group and mode of the file stay; a new file is readable by its owner only. One process
    at a time changes a file.

    Raises:
        TokenFileError: the file cannot be used as it is.
        OSError: it cannot be written.
    """
    with _locked(path.resolve().parent):
        # A new file has this mode before it has any content.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        before = path.stat()
        known = read_tokens(path) if before.st_size else TokenFile()
        tokens = {token.name: token for token in known.tokens}
        yield tokens
        after = known.model_copy(update={"tokens": list(tokens.values())})
        with atomic_write(path) as temporary:
            temporary.write_text(_text(after))
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(temporary, before.st_uid, before.st_gid)


def new_token() -> str:
    """Return a new token, of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: bytes) -> str:
    """Return the hash of a token, as the file has it."""
    return hashlib.sha256(token).hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _text(content: TokenFile) -> str:
    versions = {"version": content.version, "readable_by": content.readable_by}
    document = {**versions, **content.model_dump(mode="json", exclude_defaults=True)}
    return json.dumps(document, indent=2) + "\n"


def _once(what: str, values: list[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise ValueError(f"{what} {value} is there {count} times")


def _error_text(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    where = ".".join(map(str, detail["loc"]))
    return f"{where}: {reason(detail)}" if where else reason(detail)
