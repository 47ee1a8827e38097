"""Files of named tokens for tests."""

from pathlib import Path
from typing import Any

from slackvm.api.roles import Limits
from slackvm.tokens.token_file import NamedToken, Secret, changing, hash_of


def secret(token: str, expires: float | None = None) -> Secret:
    return Secret(sha256=hash_of(token.encode()), created=0.0, expires=expires)


def give(path: Path, name: str, role: Any, *secrets: Secret, **limits: Any) -> str:
    """Put a token into a file and return it: `NAME-token-0123456789`, or the secrets given."""
    token = f"{name}-token-0123456789"
    with changing(path) as tokens:
        tokens[name] = NamedToken(
            name=name, role=role, limits=Limits(**limits), secrets=list(secrets) or [secret(token)]
        )
    return token


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
