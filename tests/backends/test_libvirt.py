"""The contract of backends, by the libvirt backend on a real libvirt with real QEMU guests."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("libvirt", reason="the Python module libvirt is missing")
pytest.importorskip("lxml", reason="the Python module lxml is missing")

import libvirt

from backends.contract import HypervisorContract, NewImage, OpenHypervisor
from libvirt_hosts.hosts import LibvirtHost, overlay
from schedulerlocal.backends.libvirt.hypervisor import LibvirtHypervisor

pytest_plugins = ["libvirt_hosts.fixtures"]


class TestLibvirt(HypervisorContract):
    @pytest.fixture
    def open_hypervisor(
        self, libvirt_host: LibvirtHost, guest_image: Path, tmp_path: Path
    ) -> Iterator[OpenHypervisor]:
        yield lambda: LibvirtHypervisor(
            libvirt_host.uri,
            [tmp_path, guest_image.parent],
            tmp_path / "overlays",
            domain_type="qemu",
            stop_grace_s=1.0,
        )
        for domain in libvirt.open(libvirt_host.uri).listAllDomains():
            if domain.isActive():
                domain.destroy()
            domain.undefine()

    @pytest.fixture
    def new_image(self, guest_image: Path, tmp_path: Path) -> NewImage:
        numbers = itertools.count()
        return lambda: overlay(guest_image, tmp_path / f"{next(numbers)}.qcow2")
