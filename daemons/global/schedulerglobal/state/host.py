"""A host of the cluster as the controller knows it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from schedulerglobal.hosts.replies import HostReport
from schedulerglobal.hosts.url import HostUrl
from schedulerglobal.state.resources import HostResources
from schedulerglobal.state.topologies import NO_TOPOLOGY, ReportedTopology, shared
from schedulerglobal.state.vms import VMRecord, VMSpec
from schedulerglobal.store.ledger import entry, vm_entry
from schedulerglobal.store.records import StoredHost, StoredReservation
from slackvm.api.base import extend, fields_of
from slackvm.api.cluster import ClusterHostReply, ClusterVMReply
from slackvm.api.controllers import ControllerClaim
from slackvm.api.hosts import FENCED, UNKNOWN, HostReply, LevelReply, SummaryReply
from slackvm.api.vms import ChangedReply
from slackvm.formats.operations import Operation
from slackvm.formats.origin import Origin, current_origin
from slackvm.model.labels import Labels
from slackvm.model.placement import Group
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM


@dataclass(slots=True, eq=False)
class Reservation:
    """A VM that a host was chosen for, until it is known whether the host created it.

    Attributes:
        spec: the VM.
        host: the host.
        idempotency_key: what the requests to the host carry, so that they can be cancelled.
        claimed: whether a thread is finding out what became of it; other threads wait.
        repeated: the host has such a VM already, and is asked whether it is the same.
        outcome_unknown: a reply was lost, so a request may still be on its way to the host.
        confirmed: the VM exists.
        origin: of the request to deploy it, as long as the controller runs.
        rebuilds: when the lost VM was created that it makes again; None: it makes a new one.
    """

    spec: VMSpec
    host: "HostRecord"
    idempotency_key: str
    claimed: bool = True
    repeated: bool = False
    outcome_unknown: bool = False
    confirmed: bool = False
    origin: Origin = field(default_factory=current_origin)
    rebuilds: float | None = None

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.spec.name

    @property
    def stored(self) -> StoredReservation:
        """What must not be forgotten of it."""
        return self.spec.to_stored(self.host.ordinal, self.idempotency_key, self.rebuilds)

    def entry(self, op: str, **fields: Any) -> Operation:
        """Return an operation on its VM, with its own origin: other requests may end it.

        Args:
            op: the operation.
            fields: further fields of `Operation`.
        """
        by, client = self.origin.by, self.origin.client
        vm, owner = self.spec.vm, self.spec.owner
        return vm_entry(op, self.host.name, vm, owner, by=by, client=client, **fields)


class Suspicion(NamedTuple):
    """Why VMs go to other hosts first.

    Attributes:
        reason: what was wrong with the host's reply to a change.
        is_invalid: whether it replied what no host replies; False: it did not reply.
    """

    reason: str
    is_invalid: bool


@dataclass(slots=True, eq=False)
class HostRecord:
    """A host: its last report, and what was reserved on it since. Guarded by the cluster's lock.

    All else about a host is computed from these fields.

    Attributes:
        url: of its daemon.
        ordinal: its number among all hosts that the cluster ever had.
        reported_name: the name that it reported; empty: it never did.
        cordoned: whether it gets no new VMs.
        reported_labels: the labels that it last reported.
        label_overrides: labels that replace those that it reports.
        api_version: version of the REST interface that it last reported; 1 where it never did.
        fenced: whether its VMs were created again elsewhere, so that it is refused until it has
            given them up.
        suspicion: why it is chosen only where no other host takes a VM; None: it is trusted.
        revision: the cluster's revision in which it last changed.
        report: what it last reported of itself; None: nothing since the controller started.
        topology: its CPUs, as it last reported them; `report` has the same list.
        etag: version of the last whole report; empty: the next one must be whole.
        vms: its VMs by name.
        reservations: VMs that are being deployed on it, or may have been, by name.
        removing: names of VMs that are being removed from it, each with the number of requests.
        resources: what placements depend on beside its VMs.
        last_seen: when it last replied, on the monotonic clock; None: never.
        was_polled: whether it was polled since the controller started.
        other_controller: that it obeys another controller, and which; empty: it does not.
        forgotten: whether it is no longer part of the cluster.
        index: its position among the cluster's hosts.
        usage: what its VMs use by owner, as counted in a revision; see `usage.py`.
        log_state_at: when its state may be logged again, on the monotonic clock.
        states_not_logged: how often its state has changed since it was last logged.
    """

    url: HostUrl
    ordinal: int
    reported_name: str = ""
    cordoned: bool = False
    reported_labels: dict[str, str] = field(default_factory=dict)
    label_overrides: dict[str, str] = field(default_factory=dict)
    api_version: int = 1
    fenced: bool = False
    suspicion: Suspicion | None = None
    revision: int = 0
    report: HostReply | None = None
    topology: ReportedTopology = NO_TOPOLOGY
    etag: str = ""
    vms: dict[str, VMRecord] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    removing: dict[str, int] = field(default_factory=dict)
    resources: HostResources = field(default_factory=HostResources)
    last_seen: float | None = None
    was_polled: bool = False
    other_controller: str = ""
    forgotten: bool = False
    index: int = -1
    usage: tuple[int, dict[str, Any]] = (-1, {})
    log_state_at: float = 0.0
    states_not_logged: int = 0

    @property
    def name(self) -> str:
        """Its name; until it has reported one, host and port of its URL."""
        return self.reported_name or self.url.place

    @property
    def age_s(self) -> float | None:
        """Seconds since it last replied."""
        return None if self.last_seen is None else round(time.monotonic() - self.last_seen, 3)

    @property
    def is_unknown(self) -> bool:
        """Whether it does not answer."""
        return self.resources.state == UNKNOWN

    def check_controller(self, claim: ControllerClaim) -> None:
        """Note whether it obeys another controller than this one, or a later epoch of this one."""
        obeyed = self.report.controller if self.report else ""
        later = self.report is not None and self.report.controller_epoch > claim.epoch
        if obeyed and obeyed != claim.id:
            self.other_controller = f"it obeys controller {obeyed}"
        elif obeyed and later:
            self.other_controller = "it obeys a later epoch of this controller"
        else:
            self.other_controller = ""

    @property
    def labels(self) -> Labels:
        """Its labels: those that it reports, and the overrides."""
        return {**self.reported_labels, **self.label_overrides}

    @property
    def vm_names(self) -> set[str]:
        """Names of its VMs and reservations."""
        return {*self.vms, *self.reservations}

    def owner_of(self, name: str) -> str:
        """Return the owner of one of its VMs or reservations; empty: nobody's, or no such VM."""
        if name in self.vms:
            return self.vms[name].owner
        return self.reservations[name].spec.owner if name in self.reservations else ""

    @property
    def placed_vms(self) -> dict[str, VM]:
        """VMs that are or will be on it, by name: these count in placements."""
        reserved = {name: each.spec.vm for name, each in self.reservations.items()}
        return {**reserved, **{name: each.vm for name, each in self.vms.items()}}

    @property
    def groups(self) -> dict[str, Group]:
        """Anti-affinity groups of VMs that are or will be on it, by the VMs' names."""
        # Where a VM exists, it counts, and not the repeated request for it.
        reserved = {name: each.spec for name, each in self.reservations.items()}
        there: Mapping[str, VMSpec | VMRecord] = {**reserved, **self.vms}
        return {
            name: Group(each.owner, each.anti_affinity)
            for name, each in there.items()
            if each.anti_affinity
        }

    @property
    def stored(self) -> StoredHost:
        """What must not be forgotten of it."""
        return StoredHost(
            self.ordinal,
            self.url.given,
            self.reported_name,
            self.cordoned,
            self.reported_labels,
            self.label_overrides,
            self.api_version,
            self.url.token.get_secret_value(),
            self.fenced,
        )

    def summary(self) -> HostSummary:
        """Return the host in numbers, for placements."""
        vms = self.placed_vms.values()
        return self.resources.summary(self.name, vms, self.labels, cordoned=self.cordoned)

    def facts(self) -> dict[str, Any]:
        """Return all that placements depend on, as the operations log has it."""
        groups = sorted([name, *group] for name, group in self.groups.items())
        return {
            **self.resources.facts(self.placed_vms.values(), self.labels),
            "groups": groups,
            "suspect": self.suspicion is not None,
        }

    def change_entries(self, before: Mapping[str, Any] | None) -> list[Operation]:
        """Return the log entry of the facts that have changed; none where nothing has.

        Args:
            before: the facts before; None: this is the first report since the controller started.
        """
        changed = {
            name: value
            for name, value in self.facts().items()
            if before is None or before[name] != value
        }
        if not changed:
            return []
        if before is None:
            changed["cordoned"] = self.cordoned
        return [entry("host", host=self.name, room={"position": self.ordinal, **changed})]

    def is_older(self, boot_id: str, generation: int, asked_at: float) -> bool:
        """Return whether a reply is older than what is known.

        Generations of one boot can be compared. Of another boot only this is known: if the host
        was asked after it last replied, then the boot that is known has ended.
        """
        if self.report is None or self.last_seen is None:
            return False
        if boot_id == self.report.boot_id:
            return generation < self.report.generation
        return asked_at < self.last_seen

    def take_report(self, report: HostReport, vms: Mapping[str, VMRecord]) -> None:
        """Replace what is known by a whole report, whose VMs are given as records."""
        self.topology = shared(report.host.topology)
        self.report = report.host.model_copy(update={"topology": self.topology.cpus})
        self.etag = report.etag
        self.reported_name = report.host.name
        self.reported_labels = report.host.labels
        self.api_version = report.host.api_version
        self.vms = dict(vms)
        self.resources = HostResources.from_report(report.host, [vm.vm for vm in vms.values()])
        self.last_seen = time.monotonic()

    def take_summary(self, summary: SummaryReply, steps: int) -> None:
        """Update what is known by the summary in the reply to a change.

        Args:
            summary: the host.
            steps: how many generations the change counts. Where there are more since the last
                report, more has changed than is known, and the next report must be a whole one.
        """
        self.last_seen = time.monotonic()
        if self.report is None:
            return
        passed = summary.generation - self.report.generation
        is_known = summary.boot_id == self.report.boot_id and passed in (0, steps)
        self.etag = f"{summary.boot_id}-{summary.generation}" if self.etag and is_known else ""
        # What only a whole report has stays, whatever a later release means by that name here.
        fields = {
            name: value for name, value in fields_of(summary).items() if name not in _NOT_IN_SUMMARY
        }
        self.report = self.report.model_copy(update=fields)
        if not self.is_unknown:
            # A host that does not answer stays unknown until it is polled.
            self.resources = replace(self.resources, state=summary.state, reason=summary.reason)
        self.vms = {name: self._with_pins(vm) for name, vm in self.vms.items()}

    def reply(self, *, with_topology: bool = True) -> ClusterHostReply:
        """Return the host as clients see it, with its CPUs or only with their digest."""
        return extend(
            ClusterHostReply,
            self.report or _NO_REPORT,
            api_version=self.api_version,
            name=self.name,
            state=FENCED if self.fenced else self.resources.state,
            reason=self.resources.reason or self.other_controller,
            labels=self.labels,
            label_overrides=self.label_overrides,
            topology=self.topology.cpus if with_topology else [],
            topology_digest=self.topology.digest,
            vms=list(self.vms),
            url=self.url.given,
            age_s=self.age_s,
            cordoned=self.cordoned,
            suspect=self.suspicion.reason if self.suspicion else "",
            pending=list(self.reservations),
        )

    def summary_reply(self) -> SummaryReply:
        """Return the host in numbers, as it last reported them."""
        report = fields_of(self.report or _NO_REPORT)
        fields = {name: value for name, value in report.items() if name not in _NOT_IN_SUMMARY}
        state = {"name": self.name, "state": self.resources.state, "reason": self.resources.reason}
        return SummaryReply(**{**fields, **state})

    def state_of(self, vm: VMRecord) -> str:
        """Return the state of one of its VMs; while the host does not answer, it is `unknown`."""
        return UNKNOWN if self.is_unknown else vm.state

    def vm_reply(self, vm: VMRecord, duplicates: Sequence[str] = ()) -> ClusterVMReply:
        """Return one of its VMs as clients see it.

        Args:
            vm: the VM.
            duplicates: names of the other hosts that have a VM of this name.
        """
        reason = self.resources.reason if self.is_unknown else ""
        own = vm.to_reply(self.name, self.state_of(vm))
        return extend(
            ClusterVMReply, own, state_reason=reason, lost=None, duplicates=list(duplicates)
        )

    def changed_reply(self, name: str) -> ChangedReply:
        """Return a VM and its host as clients see them after a change."""
        vm = self.vms[name]
        reply = vm.to_reply(self.name, self.state_of(vm))
        return extend(ChangedReply, reply, summary=self.summary_reply())

    def _with_pins(self, vm: VMRecord) -> VMRecord:
        """Return a VM with the CPUs that its vNode uses now."""
        levels: Mapping[str, LevelReply] = self.report.levels if self.report else {}
        vnode = levels.get(str(vm.vm.level))
        if vnode is None or vm.cpu_list == vnode.pin_list:
            return vm
        return replace(vm, cpu_list=vnode.pin_list)


def no_summary(name: str) -> SummaryReply:
    """Return what is known of a host that is no longer part of the cluster: its name."""
    fields = fields_of(_NO_REPORT)
    kept = {key: value for key, value in fields.items() if key not in _NOT_IN_SUMMARY}
    return SummaryReply(**{**kept, "name": name})


_NOT_IN_SUMMARY = HostReply.model_fields.keys() - SummaryReply.model_fields.keys()

_NO_REPORT = HostReply(
    name="",
    version="",
    boot_id="",
    generation=0,
    state=UNKNOWN,
    reason="",
    hypervisor=None,
    cpus=0,
    cpus_free=0,
    memory_mib=0,
    memory_free_mib=0,
    offered=None,
    levels={},
    topology=[],
    vms=[],
    foreign=[],
    foreign_unpinned=0,
)
