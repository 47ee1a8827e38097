"""Settings: from the command line, the environment and a `.env` file, in this order."""

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from slackvm.model.labels import parse_labels
from slackvm.model.vm import milli_level

DEFAULT_ENV_FILE = Path(".env")
"""The file of settings where none is named: in the current folder."""


_CONFIG = ConfigDict(frozen=True, defer_build=True)
"""A command needs one of the models; the others are not built."""


class SettingsError(ValueError):
    """A setting has a value that is not allowed, or the file of settings cannot be read."""


def matching(pattern: str, allowed: str) -> AfterValidator:
    """Allow text that matches; the error says in words what is allowed."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
            raise ValueError(
                "an address or host name to listen on is needed, without http:// and without a port"
            ) from None
    return text


def _levels(text: str) -> str:
    for word in text.split(","):
        if word.strip():
            try:
                milli_level(float(word))
            except ValueError:
                raise ValueError(
                    "levels are needed, numbers from 1 with at most three decimals, as in "
                    f"1.0,2.0,3.0, and {word.strip()!r} is not one"
                ) from None
    return text


# Names are looked up where they are given: the client has no selection, and needs no numpy.
def _selection(name: str) -> str:
    from slackvm import plugins
    from slackvm.model.selection import SELECTIONS

    try:
        plugins.find(name, SELECTIONS, plugins.SELECTION_GROUP)
    except LookupError as error:
        raise ValueError(str(error)) from None
    return name


def _policy(name: str) -> str:
    from slackvm import plugins

    try:
        plugins.find_policy(name)
    except LookupError as error:
        raise ValueError(str(error)) from None
    return name


def _default_policy() -> str:
    from slackvm.model.policies import DEFAULT_POLICY

    return DEFAULT_POLICY


def _labels(text: str) -> str:
    parse_labels(text)
    return text


def _cpu_list(text: str) -> str:
    from slackvm.topologies import parse_cpu_list

    parse_cpu_list(text)
    return text


def _token(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text and (len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text):
        raise ValueError("a token has 16 or more printable ASCII characters and no space")
    return secret


Token = Annotated[SecretStr, AfterValidator(_token)]

Address = Annotated[str, AfterValidator(_address)]
"""Where a daemon listens."""

HostName = Annotated[
    str,
    matching(
        "([A-Za-z0-9][A-Za-z0-9._-]{0,62})?",
        "a name has 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a "
        "letter or digit",
    ),
]


Settings = TypeVar("Settings", bound=BaseModel)


class LocalSettings(BaseModel):
    """What a local scheduler needs to know; the names in upper case are those in `.env`.

    Attributes:
        scl_url: address that it listens on.
        scl_port: TCP port that it listens on; 0 takes a free one.
        scl_delay: seconds between samples of use, and between checks of pins.
        scl_name: name of this host; empty: its host name.
        scl_hypervisor: name of the backend that runs its VMs.
        scl_labels: its labels, `key=value` separated by commas.
        scl_state_dir: folder of what must survive the daemon.
        scl_levels: levels offered, separated by commas; empty: any.
        scl_cpu_selection: name of the CPU selection.
        scl_mem_reserved: MiB of this host that VMs never get.
        scl_time_scale: simulated seconds per second, `memory` hypervisor only.
        scl_token: who has it may do everything.
        scl_read_token: who has it may read everything.
        scl_tls_cert: certificate of the daemon, PEM; empty: no TLS.
        scl_tls_key: its key, PEM.
        scl_tls_ca: CA whose client certificates are demanded, PEM; empty: none is.
        ovsb_critical_size: an oversubscribed vNode with fewer VMs is balanced over spare CPUs.
        topo_exclude: CPUs of this host that VMs never get, as a Linux CPU list.
    """

    model_config = _CONFIG

    scl_url: Address = "127.0.0.1"
    scl_port: int = Field(default=8099, ge=0, le=65535)
    scl_delay: float = Field(default=15.0, gt=0, le=86400, allow_inf_nan=False)
    scl_name: HostName = ""
    scl_hypervisor: str = "libvirt"
    scl_labels: Annotated[str, AfterValidator(_labels)] = ""
    scl_state_dir: Path = Path("/var/lib/slackvm/local")
    scl_levels: Annotated[str, AfterValidator(_levels)] = ""
    scl_cpu_selection: Annotated[str, AfterValidator(_selection)] = "paper"
    scl_mem_reserved: int = Field(default=0, ge=0, le=10**9)
    scl_time_scale: float = Field(default=1.0, ge=1, le=10**6, allow_inf_nan=False)
    scl_token: Token = SecretStr("")
    scl_read_token: Token = SecretStr("")
    scl_tls_cert: str = ""
    scl_tls_key: str = ""
    scl_tls_ca: str = ""
    ovsb_critical_size: int = Field(default=6, ge=0, le=10**9)
    topo_exclude: Annotated[str, AfterValidator(_cpu_list)] = ""

    @property
    def name(self) -> str:
        """The host's name."""
        return self.scl_name or socket.gethostname()

    @property
    def levels(self) -> frozenset[float] | None:
        """The levels offered; None: any."""
        offered = frozenset(float(word) for word in self.scl_levels.split(",") if word.strip())
        return offered or None

    @property
    def labels(self) -> dict[str, str]:
        """The host's labels."""
        return parse_labels(self.scl_labels)


class GlobalSettings(BaseModel):
    """What the controller of a cluster needs to know.

    Attributes:
        scg_url: address that it listens on.
        scg_port: TCP port that it listens on; 0 takes a free one.
        scg_delay: seconds between two looks at a host.
        scg_timeout: seconds that a host may take to answer; clients wait up to twice as long.
        scg_node_url_list: URLs of the hosts' daemons, separated by commas.
        scg_store: what the controller must not forget, `sqlite:///PATH`.
        scg_policy: name of the placement policy.
        scg_token: who has it may do everything.
        scg_read_token: who has it may read everything.
        scg_tls_cert: certificate of the controller, PEM; empty: no TLS. Shown to hosts too.
        scg_tls_key: its key, PEM.
        scg_tls_ca: CA whose client certificates are demanded, PEM; empty: none is.
        scl_token: what the controller shows to hosts.
        scl_tls_ca: CA that the hosts' certificates must be of, PEM; empty: those of the system.
    """

    model_config = _CONFIG

    scg_url: Address = "127.0.0.1"
    scg_port: int = Field(default=8100, ge=0, le=65535)
    scg_delay: float = Field(default=15.0, gt=0, le=86400, allow_inf_nan=False)
    scg_timeout: float = Field(default=20.0, ge=0.1, le=3600, allow_inf_nan=False)
    scg_node_url_list: str = "http://127.0.0.1:8099"
    scg_store: Annotated[
        str,
        matching(r"sqlite:///.+", "sqlite:///PATH is needed, with a fourth / for an absolute path"),
    ] = "sqlite:////var/lib/slackvm/global/store.sqlite"
    scg_policy: Annotated[str, AfterValidator(_policy)] = Field(default_factory=_default_policy)
    scg_token: Token = SecretStr("")
    scg_read_token: Token = SecretStr("")
    scg_tls_cert: str = ""
    scg_tls_key: str = ""
    scg_tls_ca: str = ""
    scl_token: Token = SecretStr("")
    scl_tls_ca: str = ""


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
        scg_tls_cert: its certificate; empty: it serves without TLS.
    """

    model_config = _CONFIG

    slackvm_url: str = ""
    slackvm_token: Token = SecretStr("")
    slackvm_tls_ca: str = ""
    slackvm_tls_cert: str = ""
    slackvm_tls_key: str = ""
    scg_url: str = "127.0.0.1"
    scg_port: int = Field(default=8100, ge=0, le=65535)
    scg_token: Token = SecretStr("")
    scg_read_token: Token = SecretStr("")
    scg_tls_cert: str = ""

    @property
    def token(self) -> NamedToken | None:
        """The token that the server is shown, if any is set."""
        for name in ("slackvm_token", "scg_token", "scg_read_token"):
            value: SecretStr = getattr(self, name)
            if value.get_secret_value():
                return NamedToken(name.upper(), value)
        return None


def load_settings(model: type[Settings], env_file: Path | None = None, **given: Any) -> Settings:
    """Return the settings; those `given` that are not None win. An empty value counts as none.

    Args:
        model: whose settings.
        env_file: the file; None reads `.env` in the current folder, where there is one.
        given: values from the command line, by attribute.

    Raises:
        SettingsError: names the setting, its value and what is allowed; or the unreadable file.
    """
    if env_file is not None and not env_file.is_file():
        raise SettingsError(f"--env-file: there is no file {env_file}")
    sources = (_read(env_file or DEFAULT_ENV_FILE), os.environ)
    known = {name.lower(): value for each in sources for name, value in each.items() if value}
    chosen: dict[str, Any] = {name: known[name] for name in model.model_fields if name in known}
    chosen |= {name: value for name, value in given.items() if value is not None}
    try:
        return model(**chosen)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_error_text, error.errors()))) from None


def _read(env_file: Path) -> dict[str, str | None]:
    """Return the names and values of a file, none where there is no file.

    Raises:
        SettingsError: it cannot be read, or a line is not NAME=value.
    """
    if not env_file.is_file():
        return {}
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        with env_file.open(encoding="utf-8") as lines:
            for binding in parse_stream(lines):
                if binding.error:
                    # The message omits the line, which may have a secret.
                    raise SettingsError(f"{env_file}:{binding.original.line}: not NAME=value")
        return dotenv_values(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file}: cannot be read: {error}") from error


def _error_text(detail: Any) -> str:
    """Return the error of one setting, without the value of a secret."""
    name = ".".join(map(str, detail["loc"])).upper()
    value = "the value" if name.endswith("TOKEN") else repr(detail["input"])
    return f"{name}: {value} is not allowed: {detail['msg'].removeprefix('Value error, ')}"
