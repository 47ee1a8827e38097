"""Settings of the controller."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr

from slackvm.model.vm import MILLI, milli_level
from slackvm.settings.base import CONFIG, Address, Token, matching


def _policy(name: str) -> str:
    from slackvm import plugins

    try:
        plugins.find_policy(name)
    except LookupError as error:
        raise ValueError(str(error)) from None
    return name


def _level(text: str) -> float:
    try:
        return milli_level(float(text)) / MILLI
    except ValueError:
        raise ValueError(
            "a level is needed, a number from 1 with at most three decimals, as in 3.0"
        ) from None


def _default_policy() -> str:
    from slackvm.model.policies import DEFAULT_POLICY

    return DEFAULT_POLICY


class GlobalSettings(BaseModel):
    """What the controller of a cluster needs to know.

    Attributes:
        scg_url: address that it listens on.
        scg_port: TCP port that it listens on; 0 takes a free one.
        scg_delay: seconds between two looks at a host.
        scg_timeout: seconds that a host may take to answer; clients wait up to twice as long.
        scg_node_url_list: URLs of the hosts' daemons, separated by commas.
        scg_store: what the controller must not forget, `sqlite:///PATH`.
        scg_log_mib: MiB above which the operations log goes on in a new file; 0: never.
        scg_policy: name of the placement policy.
        scg_default_level: level of VMs that are requested without one; empty: a request must have
            one.
        scg_token: who has it may do everything.
        scg_read_token: who has it may read everything.
        scg_token_file: file of named tokens, which `slackvm token` writes; empty: no file.
        scg_tls_cert: certificate of the controller, PEM; empty: no TLS. Shown to hosts too.
        scg_tls_key: its key, PEM.
        scg_tls_ca: CA whose client certificates are demanded, PEM; empty: none is.
        scg_allow_plain_tokens: whether hosts get the token over http, where others can read it.
        scl_token: what the controller shows to hosts.
        scl_tls_ca: CA that the hosts' certificates must be of, PEM; empty: those of the system.
    """

    model_config = CONFIG

    scg_url: Address = "127.0.0.1"
    scg_port: int = Field(default=8100, ge=0, le=65535)
    scg_delay: float = Field(default=15.0, gt=0, le=86400, allow_inf_nan=False)
    scg_timeout: float = Field(default=20.0, ge=0.1, le=3600, allow_inf_nan=False)
    scg_node_url_list: str = "http://127.0.0.1:8099"
    scg_store: Annotated[
        str,
        matching(r"sqlite:///.+", "sqlite:///PATH is needed, with a fourth / for an absolute path"),
    ] = "sqlite:////var/lib/slackvm/global/store.sqlite"
    scg_log_mib: float = Field(default=64.0, ge=0, le=10**6, allow_inf_nan=False)
    scg_policy: Annotated[str, AfterValidator(_policy)] = Field(default_factory=_default_policy)
    scg_default_level: Annotated[float | None, BeforeValidator(_level)] = None
    scg_token: Token = SecretStr("")
    scg_read_token: Token = SecretStr("")
    scg_token_file: str = ""
    scg_tls_cert: str = ""
    scg_tls_key: str = ""
    scg_tls_ca: str = ""
    scg_allow_plain_tokens: bool = False
    scl_token: Token = SecretStr("")
    scl_tls_ca: str = ""
