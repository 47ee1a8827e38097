"""The settings of the libvirt backend."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from slackvm.settings import matching


def _folders(text: str) -> str:
    for folder in text.split(":"):
        if folder and not folder.startswith("/"):
            raise ValueError(
                f"absolute paths are needed, separated by ':'; {folder!r} is not absolute"
            )
    return text


class LibvirtSettings(BaseModel):
    """The settings of the libvirt backend; the names in upper case are those in `.env`.

    Attributes:
        scl_image_dirs: folders that images may be in, separated by `:`.
        qemu_url: libvirt's URI.
        qemu_loc: QEMU's binary; empty: libvirt's choice.
        qemu_machine: machine type of VMs; empty: QEMU's default.
        qemu_domain_type: `kvm`, `qemu` (slow, without virtualization), or what libvirt offers.
        qemu_network: libvirt network of VMs; without a network of this name they have none.
    """

    model_config = ConfigDict(frozen=True)

    scl_image_dirs: Annotated[str, AfterValidator(_folders)] = "/var/lib/libvirt/images"
    qemu_url: Annotated[
        str, matching(r"[a-z][a-z0-9+.-]*:\S+", "a URI is needed, as in qemu:///system")
    ] = "qemu:///system"
    qemu_loc: Annotated[str, matching("(/.*)?", "an absolute path is needed")] = ""
    qemu_machine: Annotated[str, matching("[A-Za-z0-9._-]*", "a name is needed, as in q35")] = ""
    qemu_domain_type: Literal["auto", "kvm", "qemu"] = "auto"
    qemu_network: Annotated[str, matching("[^/\n]*", "a name is needed, as in default")] = "default"

    @property
    def image_dirs(self) -> list[Path]:
        """The folders that images may be in."""
        return [Path(folder) for folder in self.scl_image_dirs.split(":") if folder]
