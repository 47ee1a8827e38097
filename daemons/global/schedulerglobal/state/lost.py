"""VMs that are lost: they were acknowledged, and are gone although nobody removed them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import structlog

from schedulerglobal.state.vms import VMRecord, VMSpec
from schedulerglobal.store.base import Store
from schedulerglobal.store.ledger import Ledger, vm_entry
from schedulerglobal.store.records import StoredLostVM
from slackvm.api.cluster import LOST, ClusterVMReply

log = structlog.get_logger()


@dataclass(frozen=True)
class LostVM:
    """A VM that is gone, with all that is needed to create it again.

    Attributes:
        spec: the VM as it was deployed.
        host: name of the host that had it.
        created: when it was created, in seconds since the epoch.
        lost: when it was found missing, in seconds since the epoch.
        reason: why it is lost, in words.
        unknown_fields: what a later release keeps of it.
    """

    spec: VMSpec
    host: str
    created: float
    lost: float
    reason: str
    unknown_fields: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.spec.name

    @property
    def key(self) -> tuple[str, float]:
        """Name and time of creation: no two VMs have both in common."""
        return self.spec.name, self.created

    @classmethod
    def of(cls, vm: VMRecord, host: str, reason: str) -> Self:
        """Return a VM that a host had, as lost now."""
        return cls(VMSpec.of(vm), host, vm.created, time.time(), reason)

    @classmethod
    def from_stored(cls, stored: StoredLostVM) -> Self:
        """Return a lost VM as the store has it."""
        return cls(
            VMSpec.from_stored(stored),
            stored.host,
            stored.created,
            stored.lost,
            stored.reason,
            stored.model_extra or {},
        )

    def to_stored(self) -> StoredLostVM:
        """Return all of it for the store."""
        vm = self.spec.vm
        return StoredLostVM.model_validate(
            {
                **self.unknown_fields,
                "name": vm.name,
                "vcpus": vm.vcpus,
                "memory_mib": vm.memory_mib,
                "level": vm.level,
                **self.details,
                "host": self.host,
                "created": self.created,
                "lost": self.lost,
                "reason": self.reason,
            }
        )

    @property
    def details(self) -> dict[str, Any]:
        """What it was, beside name and size."""
        spec = self.spec
        return {
            "image": spec.image,
            "clone": spec.clone,
            "labels": dict(spec.labels),
            "owner": spec.owner,
            "anti_affinity": spec.anti_affinity,
            "require": dict(spec.require),
        }

    def to_reply(self) -> ClusterVMReply:
        """Return it as clients see it."""
        vm = self.spec.vm
        return ClusterVMReply(
            name=vm.name,
            vcpus=vm.vcpus,
            memory_mib=vm.memory_mib,
            level=vm.level,
            image=self.spec.image,
            clone=self.spec.clone,
            state=LOST,
            state_reason=self.reason,
            host=self.host,
            cpu_list=[],
            created=self.created,
            addresses=[],
            labels=dict(self.spec.labels),
            owner=self.spec.owner,
            anti_affinity=self.spec.anti_affinity,
            lost=self.lost,
        )


class LostVMs:
    """The lost VMs of a cluster, guarded by its lock.

    A lost VM stays until a host has it again, it is rebuilt, or a client lets it go.

    Args:
        store: keeps them.
        ledger: writes to the store and to the operations log.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._by_name: dict[str, list[LostVM]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_name.values()))

    def __iter__(self) -> Iterator[LostVM]:
        for vms in self._by_name.values():
            yield from vms

    def find(self, name: str, host: str = "") -> list[LostVM]:
        """Return the lost VMs of a name, the oldest first; with a host, those that it had."""
        return [vm for vm in self._by_name.get(name, ()) if host in ("", vm.host)]

    def restore(self, stored: Sequence[StoredLostVM]) -> None:
        """Take over what the store has."""
        for each in stored:
            self._insert(LostVM.from_stored(each))

    def add(self, host: int, vms: Sequence[LostVM]) -> None:
        """Keep VMs that a host has lost.

        Args:
            host: ordinal of the host, from whose VMs the store takes them.
            vms: the VMs.
        """
        if not vms:
            return
        records = [vm.to_stored() for vm in vms]
        entries = [
            vm_entry(
                "lost",
                vm.host,
                vm.spec.vm,
                vm.spec.owner,
                spec={**_given(vm.details), "created": vm.created},
            )
            for vm in vms
        ]
        self._ledger.write_eventually(
            lambda lines: self._store.set_lost(host, records, lines), *entries
        )
        for vm in vms:
            self._insert(vm)
            log.error(
                "vm_lost",
                vm=vm.name,
                host=vm.host,
                reason=vm.reason,
                image=vm.spec.image,
                clone=vm.spec.clone,
                owner=vm.spec.owner,
                created=vm.created,
            )

    def end_found(self, host: str, vms: Mapping[str, VMRecord]) -> None:
        """End the loss of VMs that a host has again."""
        if not self._by_name:
            return
        for name in self._by_name.keys() & vms.keys():
            for lost in self.find(name):
                if lost.created == vms[name].created:
                    self._end_found(host, lost)

    def _end_found(self, host: str, lost: LostVM) -> None:
        self._ledger.write_eventually(
            lambda lines: self._store.drop_lost(*lost.key, lines),
            vm_entry("found", host, lost.spec.vm, lost.spec.owner),
        )
        self._remove(lost)
        log.warning("vm_found", vm=lost.name, host=host, lost_by=lost.host)

    def let_go(self, lost: LostVM) -> None:
        """Forget a lost VM, as a client requests.

        Raises:
            StoreError: it cannot be written.
        """
        self._ledger.write_durably(
            lambda lines: self._store.drop_lost(*lost.key, lines),
            vm_entry("let_go", lost.host, lost.spec.vm, lost.spec.owner),
        )
        self._remove(lost)
        log.info("lost_vm_let_go", vm=lost.name, host=lost.host, image=lost.spec.image)

    def end_rebuilt(self, name: str, created: float, host: str) -> None:
        """Forget a lost VM that was rebuilt; the store has forgotten it with its confirmation."""
        for lost in self.find(name):
            if lost.created == created:
                self._remove(lost)
                log.info("vm_rebuilt", vm=name, host=host, lost_by=lost.host)

    def _insert(self, vm: LostVM) -> None:
        self._remove(vm)
        same = self._by_name.setdefault(vm.name, [])
        same.append(vm)
        same.sort(key=lambda each: each.created)

    def _remove(self, vm: LostVM) -> None:
        left = [each for each in self._by_name.get(vm.name, ()) if each.created != vm.created]
        if left:
            self._by_name[vm.name] = left
        else:
            self._by_name.pop(vm.name, None)


def _given(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not empty."""
    return {name: value for name, value in details.items() if value}
