"""The contract of backends, by the memory backend."""

import itertools
from pathlib import Path

import pytest

from backends.contract import HypervisorContract, NewImage, OpenHypervisor
from schedulerlocal.backends.memory.hypervisor import MemoryHypervisor
from schedulerlocal.clock import Clock


class TestMemory(HypervisorContract):
    @pytest.fixture
    def open_hypervisor(self, tmp_path: Path) -> OpenHypervisor:
        clock = Clock()
        return lambda: MemoryHypervisor(tmp_path / "guests.json", clock)

    @pytest.fixture
    def new_image(self, tmp_path: Path) -> NewImage:
        numbers = itertools.count()
        return lambda: tmp_path / f"{next(numbers)}.qcow2"
