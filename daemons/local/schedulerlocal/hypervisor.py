"""What the live daemon needs of a hypervisor; `libvirt` and `memory` are the two there are.

Calls may come from several threads. Each ends within the hypervisor's timeout, done or with an
error; one that ends with an error has changed nothing that the next `guests()` would not tell. Of
one that ends with `UncertainError` even that may come later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from slackvm.api.vms import GuestState
from slackvm.model.codes import Code
from slackvm.model.vm import LARGEST, VM

RUNNING: GuestState = "running"
STOPPED: GuestState = "stopped"
PAUSED: GuestState = "paused"
CRASHED: GuestState = "crashed"


class HypervisorError(Exception):
    """The hypervisor refused or failed; the message is fit for the one who asked.

    Attributes:
        code: one of an image's or a name's, `storage_full`, `hypervisor_failed`, or one of the
            subclasses'.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnavailableError(HypervisorError):
    """The hypervisor cannot be asked now; nothing is known of what it has. Ask later."""

    def __init__(self, message: str, code: Code = Code.NOT_READY) -> None:
        super().__init__(code, message)


class UncertainError(UnavailableError):
    """The hypervisor was asked to do something and gave no answer: it may be done, or yet to be."""

    def __init__(self, message: str) -> None:
        super().__init__(f"whether it was done is not known: {message}", Code.NO_ANSWER)


@dataclass(frozen=True, slots=True)
class VMSpec:
    """A VM to create.

    Attributes:
        vm: name, vCPUs, MiB, level.
        uuid: its UUID, chosen before anything is done.
        image: the qcow2 image that was asked for.
        clone: whether its disk is an overlay on the image instead of the image itself.
        created: seconds since the epoch.
    """

    vm: VM
    uuid: str
    image: Path
    clone: bool
    created: float

    def guest(self, cpu_ids: tuple[int, ...]) -> "ObservedVM":
        """Return the VM that it is when it has been made and started, pinned to CPUs, ascending."""
        vm, pins = self.vm, (cpu_ids,) * self.vm.vcpus
        return ObservedVM(vm.name, self.uuid, vm.vcpus, vm.memory_mib, RUNNING, self, pins, cpu_ids)


@dataclass(frozen=True, slots=True)
class ObservedVM:
    """A VM as the hypervisor has it.

    Attributes:
        name: its name.
        uuid: its UUID.
        vcpus: its vCPUs, as many as there are: somebody else may have changed what was ordered.
        memory_mib: its memory.
        state: whether it runs.
        order: what was ordered, from the VM's own metadata; None: it is not ours.
        vcpu_pins: for each vCPU the CPUs it may use, ascending; None: not pinned.
        emulator_pins: the CPUs that its emulator threads may use; None: not pinned.
        is_unfinished: whether its making was cut short; whoever ordered it has had no answer.
    """

    name: str
    uuid: str
    vcpus: int
    memory_mib: int
    state: GuestState
    order: VMSpec | None
    vcpu_pins: tuple[tuple[int, ...], ...] | None
    emulator_pins: tuple[int, ...] | None
    is_unfinished: bool = False

    @property
    def vm(self) -> VM | None:
        """What it takes of its host: its real size, the level as ordered; None: it is not ours."""
        if self.order is None:
            return None
        vcpus, memory_mib = min(self.vcpus, LARGEST), min(self.memory_mib, LARGEST)
        return replace(self.order.vm, vcpus=vcpus, memory_mib=memory_mib)

    def is_made_of(self, vm: VM, image: str, clone: bool) -> bool:
        """Return whether it is what is asked for; an image counts by where its links lead."""
        order = self.order
        if order is None or (order.vm, order.clone) != (vm, clone):
            return False
        return order.image in (Path(image), Path(image).resolve())

    @property
    def cpu_ids(self) -> tuple[int, ...]:
        """All CPUs that its vCPUs are pinned to, ascending; none where one is not pinned."""
        return tuple(sorted({cpu_id for pins in self.vcpu_pins or () for cpu_id in pins}))

    def is_pinned_to(self, cpu_ids: Sequence[int]) -> bool:
        """Return whether every vCPU and the emulator may use just these CPUs."""
        wanted = tuple(sorted(cpu_ids))
        return self.emulator_pins == wanted and self.vcpu_pins == (wanted,) * self.vcpus


@dataclass(frozen=True, slots=True)
class Usage:
    """What a running VM has used since it was started.

    Attributes:
        uuid: the VM.
        cpu_s: seconds of CPU time of its vCPUs.
        wait_s: seconds that its vCPUs waited for a CPU; None: not measured.
        memory_mib: memory in use, as far as it can be told.
    """

    uuid: str
    cpu_s: float
    wait_s: float | None
    memory_mib: float


class Hypervisor(Protocol):
    """The VMs of one host."""

    def guests(self) -> list[ObservedVM]:
        """Return all VMs, ours and others', running or not.

        Raises:
            UnavailableError: it cannot be told. That never means that there are none.
        """

    def check_image(self, image: str, clone: bool) -> Path:
        """Return the image, links resolved, if a VM may have it.

        Raises:
            HypervisorError: it is not there, outside the image directories, no qcow2, or in use.
        """

    def create(self, order: VMSpec, cpu_ids: Sequence[int]) -> None:
        """Make a VM that outlives the host's restart, pinned to these CPUs, and start it.

        Raises:
            HypervisorError: it could not be made; nothing of it is left.
        """

    def remove(self, name: str) -> None:
        """Stop a VM of ours at once and forget it, with the overlay if it is a clone.

        The image stays. A VM that is not there is no error.
        """

    def pin(self, pins: Mapping[str, Sequence[int]]) -> None:
        """Pin every vCPU and the emulator of VMs of ours, now and for their next starts.

        A VM that is not there is no error.

        Args:
            pins: the CPUs that each VM may use, by name.

        Raises:
            HypervisorError: one could not be pinned; of the others, some are.
        """

    def start(self, name: str) -> None:
        """Start a stopped VM of ours, or finish one; one that runs is no error."""

    def stop(self, name: str) -> None:
        """Stop a VM of ours: ask it to shut down, and after a while insist."""

    def restart(self, name: str) -> None:
        """Stop and start a VM of ours."""

    def usage(self) -> list[Usage]:
        """Return the use of the running VMs, ours and others'."""

    def addresses(self, name: str) -> list[str]:
        """Return the network addresses of a VM, as far as they are known."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when a VM came, went, started or stopped, or the connection did."""

    def close(self) -> None:
        """End the connection; the VMs go on."""
