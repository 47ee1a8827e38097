"""Settings of the command `slackvm`."""

from typing import NamedTuple

from pydantic import BaseModel, Field, SecretStr

from slackvm.settings.base import CONFIG, Token


class NamedToken(NamedTuple):
    """A token, and the setting that it is from."""

    name: str
    value: SecretStr


class ClientSettings(BaseModel):
    """What the command `slackvm` needs to know; the names in upper case are those in `.env`.

    Attributes:
        slackvm_url: the controller's URL, or that of a host's daemon; empty: the controller's whose
            settings these are.
        slackvm_token: what it is shown; empty: the controller's own token.
        slackvm_tls_ca: CA that signed its certificate, PEM; empty: those that this machine trusts.
        slackvm_tls_cert: certificate that it is shown, PEM; empty: none.
        slackvm_tls_key: its key, PEM.
        scg_url: address that the controller listens on.
        scg_port: TCP port that it listens on.
        scg_token: allows everything on it.
        scg_read_token: allows reading on it.
        scg_token_file: file of its named tokens, which `slackvm token` changes.
        scg_tls_cert: its certificate; empty: it serves without TLS.
    """

    model_config = CONFIG

    slackvm_url: str = ""
    slackvm_token: Token = SecretStr("")
    slackvm_tls_ca: str = ""
    slackvm_tls_cert: str = ""
    slackvm_tls_key: str = ""
    scg_url: str = "127.0.0.1"
    scg_port: int = Field(default=8100, ge=0, le=65535)
    scg_token: Token = SecretStr("")
    scg_read_token: Token = SecretStr("")
    scg_token_file: str = ""
    scg_tls_cert: str = ""

    @property
    def token(self) -> NamedToken | None:
        """The token that the server is shown, if any is set."""
        for name in ("slackvm_token", "scg_token", "scg_read_token"):
            value: SecretStr = getattr(self, name)
            if value.get_secret_value():
                return NamedToken(name.upper(), value)
        return None
