"""The contract of a hypervisor backend: tests that every backend must pass.

A test module of a backend makes a subclass whose name begins with `Test`, and two fixtures:

    class TestXen(HypervisorContract):
        @pytest.fixture
        def open_hypervisor(self, tmp_path):
            return lambda: XenHypervisor(tmp_path)

        @pytest.fixture
        def new_image(self, tmp_path):
            return lambda: make_image(tmp_path)

This module needs pytest and SlackVM alone, so that a package outside the tree can use a copy.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schedulerlocal.hypervisor import (
    RUNNING,
    STOPPED,
    Hypervisor,
    HypervisorError,
    ObservedVM,
    VMSpec,
)
from slackvm.model import VM
from slackvm.model.codes import Code

OpenHypervisor = Callable[[], Hypervisor]
NewImage = Callable[[], Path]

LABELS = {"team": "web", "example.org/tier": "a.b_c-d", "empty": ""}


class HypervisorContract:
    """Tests of one backend."""

    @pytest.fixture
    def open_hypervisor(self) -> OpenHypervisor:
        """A function that connects to a host, the same at each call, that has no VM at first."""
        raise NotImplementedError("the tests of each backend define this fixture")

    @pytest.fixture
    def new_image(self) -> NewImage:
        """A function that makes an image which a VM may use."""
        raise NotImplementedError("the tests of each backend define this fixture")

    @pytest.fixture
    def cpus(self) -> tuple[int, int]:
        """Two CPUs of the host."""
        return 0, 1

    @pytest.fixture
    def hypervisor(self, open_hypervisor: OpenHypervisor) -> Iterator[Hypervisor]:
        hypervisor = open_hypervisor()
        yield hypervisor
        hypervisor.close()

    @pytest.fixture
    def spec(self, hypervisor: Hypervisor, new_image: NewImage) -> VMSpec:
        """A VM to create."""
        image = hypervisor.check_image(str(new_image()), clone=False)
        return VMSpec(
            VM("web", 2, 128, 1.5), str(uuid.uuid4()), image, False, time.time(), dict(LABELS)
        )

    @pytest.fixture
    def created(self, hypervisor: Hypervisor, spec: VMSpec, cpus: tuple[int, int]) -> VMSpec:
        """A VM that runs, pinned to the first CPU."""
        hypervisor.create(spec, cpus[:1])
        return spec

    def test_a_host_without_vms_has_none(self, hypervisor: Hypervisor) -> None:
        assert hypervisor.vms() == []
        assert hypervisor.usage() == []

    def test_a_created_vm_runs_as_specified(
        self, hypervisor: Hypervisor, created: VMSpec, cpus: tuple[int, int]
    ) -> None:
        vm = one(hypervisor)
        assert vm == created.observed(cpus[:1])
        assert vm.spec is not None
        assert vm.spec.labels == LABELS
        assert not vm.is_unfinished

    def test_a_vm_outlives_the_connection(
        self, hypervisor: Hypervisor, created: VMSpec, open_hypervisor: OpenHypervisor
    ) -> None:
        before = one(hypervisor)
        hypervisor.close()
        other = open_hypervisor()
        try:
            assert one(other) == before
            other.remove(created.vm.name)
        finally:
            other.close()

    def test_a_removed_vm_is_gone_and_its_image_stays(
        self, hypervisor: Hypervisor, created: VMSpec
    ) -> None:
        for _ in range(2):
            hypervisor.remove(created.vm.name)
            assert hypervisor.vms() == []
        assert hypervisor.check_image(str(created.image), clone=False) == created.image

    def test_pins_change_now_and_for_the_next_start(
        self, hypervisor: Hypervisor, created: VMSpec, cpus: tuple[int, int]
    ) -> None:
        hypervisor.pin({created.vm.name: cpus})
        assert one(hypervisor).is_pinned_to(cpus)
        hypervisor.restart(created.vm.name)
        assert one(hypervisor).is_pinned_to(cpus)

    def test_pinning_a_vm_that_does_not_exist_is_no_error(
        self, hypervisor: Hypervisor, created: VMSpec, cpus: tuple[int, int]
    ) -> None:
        hypervisor.pin({"nobody": cpus, created.vm.name: cpus[1:]})
        assert one(hypervisor).is_pinned_to(cpus[1:])

    def test_a_vm_stops_and_starts_and_keeps_all_else(
        self, hypervisor: Hypervisor, created: VMSpec
    ) -> None:
        name, before = created.vm.name, one(hypervisor)
        hypervisor.start(name)
        assert one(hypervisor) == before
        hypervisor.stop(name)
        stopped = one(hypervisor)
        assert (stopped.state, stopped.spec) == (STOPPED, created)
        assert hypervisor.usage() == []
        hypervisor.stop(name)
        hypervisor.start(name)
        assert one(hypervisor) == before

    def test_a_vm_that_does_not_exist_is_not_found(self, hypervisor: Hypervisor) -> None:
        for action in (hypervisor.start, hypervisor.stop, hypervisor.restart):
            with pytest.raises(HypervisorError) as error:
                action("nobody")
            assert error.value.code == Code.VM_NOT_FOUND

    def test_a_name_is_given_once(
        self,
        hypervisor: Hypervisor,
        created: VMSpec,
        new_image: NewImage,
        cpus: tuple[int, int],
    ) -> None:
        before = one(hypervisor)
        image = hypervisor.check_image(str(new_image()), clone=False)
        other = VMSpec(created.vm, str(uuid.uuid4()), image, False, time.time())
        with pytest.raises(HypervisorError):
            hypervisor.create(other, cpus)
        assert one(hypervisor) == before

    def test_use_of_a_running_vm_grows(self, hypervisor: Hypervisor, created: VMSpec) -> None:
        deadline = time.monotonic() + 30
        first = use_of(hypervisor, created)
        while use_of(hypervisor, created) <= first:
            assert time.monotonic() < deadline, "the VM uses no CPU time"
            time.sleep(0.1)
        assert isinstance(hypervisor.addresses(created.vm.name), list)

    def test_several_threads_may_call(
        self, hypervisor: Hypervisor, new_image: NewImage, cpus: tuple[int, int]
    ) -> None:
        def create_and_remove(number: int) -> None:
            image = hypervisor.check_image(str(new_image()), clone=False)
            vm = VM(f"vm{number}", 1, 64, 2.0)
            hypervisor.create(VMSpec(vm, str(uuid.uuid4()), image, False, time.time()), cpus[:1])
            assert vm.name in {each.name for each in hypervisor.vms()}
            hypervisor.remove(vm.name)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(create_and_remove, range(3)))
        assert hypervisor.vms() == []


def one(hypervisor: Hypervisor) -> ObservedVM:
    """Return the only VM."""
    [vm] = hypervisor.vms()
    return vm


def use_of(hypervisor: Hypervisor, spec: VMSpec) -> float:
    """Return the CPU time that the VM has used, in seconds."""
    [use] = hypervisor.usage()
    assert use.uuid == spec.uuid
    assert use.memory_mib <= spec.vm.memory_mib
    assert (RUNNING, spec.vm.name) in {(vm.state, vm.name) for vm in hypervisor.vms()}
    return use.cpu_s
