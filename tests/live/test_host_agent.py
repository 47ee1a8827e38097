"""The agent of a live host on the `memory` hypervisor: what survives, and what is recorded."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schedulerlocal.agent.errors import RefusedError
from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.records import Records
from schedulerlocal.agent.state_folder import StateFolder, StateFolderError
from schedulerlocal.backends.memory.hypervisor import MemoryHypervisor
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import ObservedVM, UncertainError, VMSpec
from slackvm.model import VM, Host, Topology
from slackvm.topologies import PRESETS
from slackvm.verification import verify

LAPTOP = PRESETS["i7-1185g7"].build()
EPYC = PRESETS["epyc-7662"].build()


class LateHypervisor(MemoryHypervisor):
    """Gives no answer when a VM is to be made, and makes it after it was looked at once."""

    asked: tuple[VMSpec, Sequence[int]] | None = None
    looks = 0

    def create(self, spec: VMSpec, cpu_ids: Sequence[int]) -> None:
        self.asked = spec, cpu_ids
        raise UncertainError("the connection is gone")

    def vms(self) -> list[ObservedVM]:
        self.looks += self.asked is not None
        if self.asked and self.looks == 2:
            super().create(*self.asked)
        return super().vms()


def requested(vm: VM, image: str) -> VMSpec:
    """Return a VM as a request has it."""
    return VMSpec(vm, "", Path(image), clone=False, created=0)


@contextmanager
def living(
    folder: Path,
    topology: Topology = LAPTOP,
    kind: type[MemoryHypervisor] = MemoryHypervisor,
) -> Iterator[HostAgent]:
    """Give the agent of a host whose state is in `folder`, as a daemon has it after its start."""
    clock = Clock()
    state = StateFolder(folder)
    hypervisor = kind(folder / "guests.json", clock)
    records = Records(state, "testhost")
    agent = HostAgent(Host(topology), hypervisor, records, clock)
    agent.reconcile()
    try:
        yield agent
    finally:
        records.close()
        state.close()


def sizes(agent: HostAgent) -> object:
    view = agent.view
    vnodes = {level: (vnode.cpu_list, vnode.pin_list) for level, vnode in view.vnodes.items()}
    return vnodes, set(view.vms), view.cpus_free, view.memory_free_mib


def replayed(folder: Path, topology: Topology = LAPTOP) -> dict[float, tuple[int, ...]]:
    """Return the CPUs of each vNode after the operations log; every decision must be the same."""
    host = Host(topology)
    _, difference = verify(folder / "operations.jsonl", host)
    assert difference is None, str(difference)
    return {level: host.cpu_ids(level) for level in host.vnodes}


def check_log(folder: Path, agent: HostAgent, topology: Topology = LAPTOP) -> None:
    assert replayed(folder, topology) == {
        level: vnode.cpu_list for level, vnode in agent.view.vnodes.items()
    }


def fill(agent: HostAgent, steps: int, seed: int = 1) -> None:
    chance = random.Random(seed)
    for step in range(steps):
        names = sorted(agent.view.vms)
        if names and chance.random() < 0.4:
            agent.remove(chance.choice(names))
            continue
        vcpus = chance.choice([1, 1, 2, 4])
        vm = VM(f"vm{seed}-{step}", vcpus, 512 * vcpus, chance.choice([1.0, 2.0, 3.0]))
        with suppress(RefusedError):
            agent.deploy(requested(vm, "/images/any.qcow2"))


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    with living(tmp_path, EPYC) as agent:
        before = sizes(agent)
    for seed in range(4):
        with living(tmp_path, EPYC) as agent:
            assert sizes(agent) == before
            fill(agent, 40, seed)
            before = sizes(agent)
            check_log(tmp_path, agent, EPYC)


def test_the_same_request_again_changes_nothing(tmp_path: Path) -> None:
    with living(tmp_path) as agent:
        first, is_new = agent.deploy(requested(VM("a", 2, 512, 2.0), "/i.qcow2"))
        generation = agent.view.generation
        again, is_new_again = agent.deploy(requested(VM("a", 2, 512, 2.0), "/i.qcow2"))
        assert (first, is_new, is_new_again) == (again, True, False)
        assert agent.view.generation == generation
        for other in (VM("a", 1, 512, 2.0), VM("a", 2, 512, 3.0)):
            with pytest.raises(RefusedError, match="a VM of this name exists"):
                agent.deploy(requested(other, "/i.qcow2"))
        with pytest.raises(RefusedError):
            agent.deploy(requested(VM("a", 2, 512, 2.0), "/other.qcow2"))


@pytest.mark.parametrize(
    "damage",
    {
        "missing": lambda _: None,
        "empty": lambda _: "",
        "truncated": lambda text: text[:99],
        "of a later release": lambda text: text.replace('"readable_by": 1', '"readable_by": 9'),
        "incomplete": lambda _: '{"version": 1}',
        "impossible": lambda text: text.replace('"vcpus": 2', '"vcpus": 3'),
    }.items(),
    ids=lambda damage: damage[0],
)
def test_without_a_usable_state_file_only_the_order_of_cpus_is_lost(
    damage: tuple[str, Callable[[str], str | None]], tmp_path: Path
) -> None:
    with living(tmp_path) as agent:
        for name, level in (("a", 2.0), ("b", 1.0), ("c", 2.0)):
            agent.deploy(requested(VM(name, 2, 512, level), "/i.qcow2"))
        agent.remove("a")
    state = tmp_path / "state.json"
    damaged = damage[1](state.read_text())
    state.unlink()
    if damaged is not None:
        state.write_text(damaged)
    with living(tmp_path) as agent:
        assert set(agent.view.vms) == {"b", "c"}
        assert {level: vnode.owned for level, vnode in agent.view.vnodes.items()} == {
            1.0: 2,
            2.0: 2,
        }
        assert agent.view.state == "ready"
        check_log(tmp_path, agent)
        assert '"reset"' in (tmp_path / "operations.jsonl").read_text()


def test_a_log_that_a_crash_cut_short_is_completed(tmp_path: Path) -> None:
    """The state file is written first and holds the last operation."""
    with living(tmp_path) as agent:
        for name in ("a", "b"):
            agent.deploy(requested(VM(name, 2, 512, 2.0), "/i.qcow2"))
    log = tmp_path / "operations.jsonl"
    whole = log.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in (len(last), 30, 1):
        log.write_bytes(whole[:-cut])
        with living(tmp_path) as agent:
            assert log.read_bytes() == whole
            check_log(tmp_path, agent)


def test_a_file_that_is_not_a_log_is_kept_aside(tmp_path: Path) -> None:
    with living(tmp_path) as agent:
        agent.deploy(requested(VM("a", 2, 512, 2.0), "/i.qcow2"))
    (tmp_path / "operations.jsonl").write_text("something else\n")
    with living(tmp_path):
        assert (tmp_path / "operations.jsonl.damaged").read_text() == "something else\n"


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with living(tmp_path), pytest.raises(StateFolderError, match="in use by another daemon"):
        StateFolder(tmp_path)


def test_vms_whose_cpus_are_gone_keep_running_and_no_new_vm_is_accepted(tmp_path: Path) -> None:
    """The host offers fewer CPUs after a restart: it says so, and loses no VM."""
    with living(tmp_path) as agent:
        for name in ("a", "b"):
            agent.deploy(requested(VM(name, 3, 512, 1.0), "/i.qcow2"))
    smaller = PRESETS["i7-1185g7"].build()
    smaller = Topology(
        smaller.cpus[:4], smaller.numa_distances, smaller.memory_mib, smaller.memory_total_mib
    )
    with living(tmp_path, smaller) as agent:
        assert set(agent.view.vms) == {"a", "b"}
        assert agent.view.state == "overcommitted"
        assert agent.view.unaccommodated == {"b"}
        with pytest.raises(RefusedError) as refused:
            agent.deploy(requested(VM("c", 1, 512, 1.0), "/i.qcow2"))
        assert refused.value.refusal.code == "overcommitted"
        agent.remove("b")
        assert agent.view.state == "ready"
        agent.deploy(requested(VM("c", 1, 512, 1.0), "/i.qcow2"))


def test_refused_operations_are_logged(tmp_path: Path) -> None:
    with living(tmp_path) as agent:
        with pytest.raises(RefusedError):
            agent.deploy(requested(VM("large", 9, 512, 1.0), "/i.qcow2"))
        with pytest.raises(RefusedError):
            agent.remove("nobody")
    log = [json.loads(line) for line in (tmp_path / "operations.jsonl").read_text().splitlines()]
    assert [(entry["op"], entry["code"]) for entry in log] == [
        ("deploy", "too_large"),
        ("remove", "vm_not_found"),
    ]


def test_a_stopped_vm_keeps_its_cpus(tmp_path: Path) -> None:
    with living(tmp_path) as agent:
        agent.deploy(requested(VM("a", 2, 512, 1.0), "/i.qcow2"))
        free = agent.view.cpus_free
        assert agent.change_state("a", "stop").vms["a"].state == "stopped"
        assert agent.view.cpus_free == free
    with living(tmp_path) as agent:
        assert agent.view.vms["a"].state == "stopped"
        assert agent.change_state("a", "start").vms["a"].state == "running"
        with pytest.raises(RefusedError):
            agent.change_state("nobody", "start")


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_vm_created_late_stays_unless_its_request_was_cancelled(
    tmp_path: Path, *, is_cancelled: bool
) -> None:
    with living(tmp_path, kind=LateHypervisor) as agent:
        free = agent.view.cpus_free
        with pytest.raises(UncertainError):
            agent.deploy(requested(VM("a", 2, 512, 2.0), "/i.qcow2"), idempotency_key="first")
        agent.reconcile()
        assert not agent.view.vms
        if is_cancelled:
            assert agent.cancel("a", "first") is None
        agent.reconcile()
        left = [] if is_cancelled else ["a"]
        assert list(agent.view.vms) == left
        assert agent.view.cpus_free == free - 2 * len(left)
    with living(tmp_path) as agent:
        assert list(agent.view.vms) == left


@pytest.mark.parametrize(
    "damage",
    [
        {"withheld_mib": float("inf")},
        {"withheld": [float("inf")]},
        {"seq": float("inf")},
        {"last": "[" * 100_000},
        {"vnodes": [{"level": float("nan"), "cpus": [0], "vms": []}]},
    ],
)
def test_an_unusable_value_in_the_state_file_does_not_stop_a_start(
    damage: dict[str, object], tmp_path: Path
) -> None:
    with living(tmp_path):
        pass
    path = tmp_path / "state.json"
    state = {"version": 1, "seq": 0, "last": "", "vnodes": [], "withheld": [], "withheld_mib": 0}
    path.write_text(json.dumps({**state, **damage}))
    with living(tmp_path) as agent:
        assert agent.view.cpus_free == len(LAPTOP)
    assert (tmp_path / "state.json.unreadable-1").exists()


def test_a_state_file_of_a_later_release_that_cannot_be_copied_is_used(tmp_path: Path) -> None:
    """A full disk, or here a name that is too long, does not stop the start."""
    state = {"version": 10**400, "readable_by": 1, "seq": 3, "last": "", "vnodes": []}
    (tmp_path / "state.json").write_text(json.dumps({**state, "withheld": [], "withheld_mib": 0}))
    with capture_logs() as logs, living(tmp_path):
        assert "state_file_not_copied" in [log["event"] for log in logs]
    assert not (tmp_path / "state.json.unreadable-1").exists()
