"""Settings of the daemon of a host."""

import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from slackvm.model.labels import parse_labels
from slackvm.model.vm import milli_level
from slackvm.settings.base import CONFIG, Address, HostName, Token


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


def _labels(text: str) -> str:
    parse_labels(text)
    return text


def _cpu_list(text: str) -> str:
    from slackvm.topologies import parse_cpu_list

    parse_cpu_list(text)
    return text


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
        scl_log_mib: MiB above which the operations log goes on in a new file; 0: never.
        scl_levels: levels offered, separated by commas; empty: any.
        scl_cpu_selection: name of the CPU selection.
        scl_mem_reserved: MiB of this host that VMs never get.
        scl_time_scale: simulated seconds per second, `memory` hypervisor only.
        scl_token: who has it may do everything.
        scl_read_token: who has it may read everything.
        scl_token_file: file of named tokens, which `slackvm token` writes; empty: no file.
        scl_tls_cert: certificate of the daemon, PEM; empty: no TLS.
        scl_tls_key: its key, PEM.
        scl_tls_ca: CA whose client certificates are demanded, PEM; empty: none is.
        scl_boot_wait: seconds that VMs wait for the controller after a boot; 0: they do not.
        ovsb_critical_size: an oversubscribed vNode with fewer VMs is balanced over spare CPUs.
        topo_exclude: CPUs of this host that VMs never get, as a Linux CPU list.
    """

    model_config = CONFIG

    scl_url: Address = "127.0.0.1"
    scl_port: int = Field(default=8099, ge=0, le=65535)
    scl_delay: float = Field(default=15.0, gt=0, le=86400, allow_inf_nan=False)
    scl_name: HostName = ""
    scl_hypervisor: str = "libvirt"
    scl_labels: Annotated[str, AfterValidator(_labels)] = ""
    scl_state_dir: Path = Path("/var/lib/slackvm/local")
    scl_log_mib: float = Field(default=64.0, ge=0, le=10**6, allow_inf_nan=False)
    scl_levels: Annotated[str, AfterValidator(_levels)] = ""
    scl_cpu_selection: Annotated[str, AfterValidator(_selection)] = "paper"
    scl_mem_reserved: int = Field(default=0, ge=0, le=10**9)
    scl_time_scale: float = Field(default=1.0, ge=1, le=10**6, allow_inf_nan=False)
    scl_token: Token = SecretStr("")
    scl_read_token: Token = SecretStr("")
    scl_token_file: str = ""
    scl_tls_cert: str = ""
    scl_tls_key: str = ""
    scl_tls_ca: str = ""
    scl_boot_wait: float = Field(default=300.0, ge=0, le=86400, allow_inf_nan=False)
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
