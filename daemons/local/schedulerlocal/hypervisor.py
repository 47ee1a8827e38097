"""The hypervisor port: what the local daemon needs of whatever runs the VMs of its host.

Backends implement `Hypervisor`; `schedulerlocal.backends` finds them. The daemon calls a hypervisor
from several threads. Each call ends within the hypervisor's own time limit, with a result or with
an error. After an error the next `vms()` shows everything that the call has changed, unless the
error was `UncertainError`: then changes may appear later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from slackvm.model.codes import Code
from slackvm.model.labels import Labels
from slackvm.model.placement import Group
from slackvm.model.vm import LARGEST, VM

PowerState = Literal["running", "stopped", "paused", "crashed"]

RUNNING: PowerState = "running"
STOPPED: PowerState = "stopped"
PAUSED: PowerState = "paused"
CRASHED: PowerState = "crashed"


class HypervisorError(Exception):
    """The hypervisor refused or failed; the message is fit for the client.

    Attributes:
        code: that of an image or a name, `vm_not_found`, `storage_full`, `hypervisor_failed`, or
            one of the subclasses.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnavailableError(HypervisorError):
    """The hypervisor does not answer now, so the state of its VMs is unknown. Try again later."""

    def __init__(self, message: str, code: Code = Code.NOT_READY) -> None:
        super().__init__(code, message)


class UncertainError(UnavailableError):
    """The hypervisor did not answer a request for a change, which it may still carry out."""

    def __init__(self, message: str) -> None:
        super().__init__(f"the outcome is unknown: {message}", Code.NO_ANSWER)


@dataclass(frozen=True, slots=True)
class VMSpec:
    """A VM to create.

    Attributes:
        vm: name, vCPUs, MiB, level.
        uuid: its UUID, chosen before anything is done; empty in a request.
        image: its qcow2 image.
        clone: whether its disk is an overlay on the image instead of the image itself.
        created: seconds since the epoch; 0 in a request.
        labels: short texts by key.
        owner: name of the token that deployed it in the controller; empty: nobody's.
        anti_affinity: name of the group whose VMs are on different hosts; empty: none.
    """

    vm: VM
    uuid: str
    image: Path
    clone: bool
    created: float
    labels: Labels = field(default_factory=dict, hash=False)
    owner: str = ""
    anti_affinity: str = ""

    @property
    def group(self) -> Group | None:
        """The group whose VMs are on different hosts."""
        return Group.of(self.owner, self.anti_affinity)

    def observed(self, cpu_ids: tuple[int, ...]) -> "ObservedVM":
        """Return the VM as it is once created, running and pinned to CPUs, ascending."""
        vm, pins = self.vm, (cpu_ids,) * self.vm.vcpus
        return ObservedVM(vm.name, self.uuid, vm.vcpus, vm.memory_mib, RUNNING, self, pins, cpu_ids)


@dataclass(frozen=True, slots=True)
class ObservedVM:
    """A VM as the hypervisor has it.

    Attributes:
        name: its name.
        uuid: its UUID.
        vcpus: its present vCPUs, which other software may have changed.
        memory_mib: its present memory.
        state: whether it runs.
        spec: what it was created as, from its own metadata; None: SlackVM did not create it.
        vcpu_pins: for each vCPU the CPUs it may use, ascending; None: not pinned.
        emulator_pins: the CPUs that its emulator threads may use; None: not pinned.
        is_unfinished: whether its creation was interrupted, so that its client got no reply.
    """

    name: str
    uuid: str
    vcpus: int
    memory_mib: int
    state: PowerState
    spec: VMSpec | None
    vcpu_pins: tuple[tuple[int, ...], ...] | None
    emulator_pins: tuple[int, ...] | None
    is_unfinished: bool = False

    @property
    def vm(self) -> VM | None:
        """What it takes of its host: its present size, the level of its spec; None: unmanaged."""
        if self.spec is None:
            return None
        vcpus, memory_mib = min(self.vcpus, LARGEST), min(self.memory_mib, LARGEST)
        return replace(self.spec.vm, vcpus=vcpus, memory_mib=memory_mib)

    def matches(self, requested: VMSpec) -> bool:
        """Return whether a request asks for this VM; links of an image are followed."""
        spec = self.spec
        if spec is None or spec.image not in (requested.image, requested.image.resolve()):
            return False
        return spec == replace(requested, uuid=spec.uuid, image=spec.image, created=spec.created)

    @property
    def cpu_ids(self) -> tuple[int, ...]:
        """All CPUs that its vCPUs are pinned to, ascending; none if a vCPU is not pinned."""
        return tuple(sorted({cpu_id for pins in self.vcpu_pins or () for cpu_id in pins}))

    def is_pinned_to(self, cpu_ids: Sequence[int]) -> bool:
        """Return whether every vCPU and the emulator may use exactly these CPUs."""
        wanted = tuple(sorted(cpu_ids))
        return self.emulator_pins == wanted and self.vcpu_pins == (wanted,) * self.vcpus


@dataclass(frozen=True, slots=True)
class Usage:
    """What a running VM has used since it was started.

    Attributes:
        uuid: the VM.
        cpu_s: seconds of CPU time of its vCPUs.
        wait_s: seconds that its vCPUs waited for a CPU; None: not measured.
        memory_mib: memory in use, as far as the hypervisor knows it; never more than the VM has.
    """

    uuid: str
    cpu_s: float
    wait_s: float | None
    memory_mib: float


class Hypervisor(Protocol):
    """The VMs of one host."""

    def vms(self) -> list[ObservedVM]:
        """Return all VMs, managed or not, running or not.

        Raises:
            UnavailableError: the hypervisor does not answer, which never means that it has no VMs.
        """

    def check_image(self, image: str, clone: bool) -> Path:
        """Return the path of an image, links resolved, if a VM may use it.

        Raises:
            HypervisorError: it is missing, outside the image directories, no qcow2, or in use.
        """

    def create(self, spec: VMSpec, cpu_ids: Sequence[int]) -> None:
        """Create a VM that outlives the host's restart, pinned to these CPUs, and start it.

        Raises:
            HypervisorError: it was not created; nothing of it is left.
        """

    def remove(self, name: str) -> None:
        """Stop a managed VM at once and delete it, with its overlay if it is a clone.

        The image stays. A VM that does not exist is no error.
        """

    def pin(self, pins: Mapping[str, Sequence[int]]) -> None:
        """Pin every vCPU and the emulator of managed VMs, now and for their next starts.

        A VM that does not exist is no error.

        Args:
            pins: the CPUs that each VM may use, by name.

        Raises:
            HypervisorError: a VM was not pinned; others may have been.
        """

    def start(self, name: str) -> None:
        """Start a stopped VM, resume a paused one, finish an unfinished one.

        A VM that runs is no error.
        """

    def stop(self, name: str) -> None:
        """Ask a managed VM to shut down, and cut its power after a grace time."""

    def restart(self, name: str) -> None:
        """Stop and start a managed VM."""

    def usage(self) -> list[Usage]:
        """Return the use of the running VMs, managed or not."""

    def addresses(self, name: str) -> list[str]:
        """Return the known network addresses of a VM."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when a VM appears, disappears, starts or stops.

        Also when the connection to the hypervisor is lost or comes back.
        """

    def close(self) -> None:
        """End the connection; the VMs keep running."""
