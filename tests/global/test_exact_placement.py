"""The controller decides of every host exactly what the host itself would."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.processes import EPYC, LAPTOP, Running, running
from model.hosts import LEVELS, TOPOLOGIES
from model.test_placement import random_vm
from schedulerglobal.hosts.checks import check_report
from schedulerglobal.hosts.replies import HostReport
from schedulerglobal.hosts.url import parse_host_url
from schedulerglobal.reservations import reservations
from schedulerglobal.scheduling.placement import choose
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.vms import VMSpec as RequestedVM
from schedulerglobal.store.ledger import Ledger
from schedulerglobal.store.sqlite import SqliteStore
from schedulerglobal.sync.reports import apply_report, mark_unreachable
from schedulerlocal.agent.view import view_of
from schedulerlocal.api.replies import Identity, host_reply, vm_reply
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import RUNNING, ObservedVM, VMSpec
from slackvm.api.vms import VMsReply
from slackvm.formats.operations import Journal
from slackvm.model import POLICIES, VM, Host, PlacementRequest
from slackvm.model.refusal import Refusal
from waiting import wait_until

HOSTS = 24
ROUNDS = 40


def random_host(chance: random.Random) -> Host:
    """Return a host in any state: fuller or emptier, with few levels or all, with others' VMs."""
    topology = chance.choice(list(TOPOLOGIES.values()))
    levels = None if chance.random() < 0.6 else frozenset(chance.sample(LEVELS, 3))
    host = Host(topology, levels=levels)
    for step in range(chance.randrange(40)):
        plan = host.plan_deploy(random_vm(chance, f"vm{step}"))
        if plan.accepted:
            host.commit(plan)
        if host.vms and chance.random() < 0.3:
            host.commit(host.plan_remove(chance.choice(sorted(host.vms))))
        if chance.random() < 0.04:
            cpus = chance.sample(range(len(topology)), chance.randrange(len(topology)))
            mib = chance.randrange(topology.memory_mib)
            host.commit(host.plan_reserve_unmanaged([int(topology.cpu_ids[c]) for c in cpus], mib))
    return host


def report(host: Host, name: str, generation: int) -> HostReport:
    """Return what the local daemon of such a host tells."""
    pins = host.pins()
    guests = {
        vm.name: ObservedVM(
            vm.name,
            f"uuid-{vm.name}",
            vm.vcpus,
            vm.memory_mib,
            RUNNING,
            VMSpec(vm, f"uuid-{vm.name}", Path("/i.qcow2"), False, 1.0),
            (pins[vm.level],) * vm.vcpus,
            pins[vm.level],
        )
        for vm in host.vms.values()
    }
    view = replace(view_of(host, guests), generation=generation)
    offered = None if host.levels is None else tuple(sorted(host.levels))
    identity = Identity(name, host.topology, offered, "memory", "abcd")
    vms = [vm_reply(view, guest, name, []) for guest in guests.values()]
    reported = HostReport(f"abcd-{generation}", host_reply(view, identity), VMsReply(vms=vms))
    check_report(reported)
    return reported


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    store = SqliteStore(tmp_path / "store.sqlite")
    ledger = Ledger(store, Journal(tmp_path / "operations.jsonl"), [])
    cluster = Cluster(store, ledger)
    for number in range(HOSTS):
        cluster.add(parse_host_url(f"host{number}"))
    yield cluster
    ledger.close()


def test_in_any_state_and_for_any_request(cluster: Cluster) -> None:
    """Thousands of states: code, amounts and score are those of the host's own plan."""
    chance = random.Random(1)
    clock = Clock()
    codes = set()
    for generation in range(1, ROUNDS + 1):
        hosts = [random_host(chance) for _ in range(HOSTS)]
        for number, (member, host) in enumerate(zip(cluster.hosts, hosts, strict=True)):
            reported = report(host, f"host{number}", generation)
            assert apply_report(cluster, member, reported, clock.now())
        for number in range(12):
            vm = random_vm(chance, f"new{number}")
            choice = choose(cluster, POLICIES["progress"], PlacementRequest(vm))
            for member, host in zip(cluster.hosts, hosts, strict=True):
                refusal = host.plan_deploy(vm).refusal
                codes.add(refusal.code if refusal else "")
                assert choice.refusal(member) == refusal
                if refusal is None:
                    assert choice.placement.scores[member.index] == host.progress(vm)
    expected = {"", "no_cpu", "no_memory", "too_large", "level_not_offered", "overcommitted"}
    assert codes == expected


def test_what_is_reserved_counts_as_what_is_there(cluster: Cluster) -> None:
    """VMs reserved since the last report of the host, in any number and order, and released."""
    chance = random.Random(2)
    hosts = [random_host(chance) for _ in range(HOSTS)]
    for number, (member, host) in enumerate(zip(cluster.hosts, hosts, strict=True)):
        apply_report(cluster, member, report(host, f"host{number}", 1), 0.0)
    ordered = []
    for number in range(300):
        if ordered and chance.random() < 0.4:
            order = ordered.pop(chance.randrange(len(ordered)))
            reservations.release(cluster, order, "no_cpu")
            hosts[order.host.index].commit(hosts[order.host.index].plan_remove(order.name))
        vm = random_vm(chance, f"new{number}")
        spec = RequestedVM(vm, "/i.qcow2")
        try:
            order = reservations.reserve(cluster, POLICIES["progress"], spec, {})
        except reservations.NoHostError:
            assert all(not host.plan_deploy(vm).accepted for host in hosts)
            continue
        target = hosts[order.host.index]
        scores = [host.progress(vm) for host in hosts]
        best = max(score for score in scores if score is not None)
        assert scores.index(best) == order.host.index
        target.commit(target.plan_deploy(vm))
        ordered.append(order)
    probe = VM("probe", 2, 2048, 2.0)
    choice = choose(cluster, POLICIES["progress"], PlacementRequest(probe))
    assert [choice.refusal(member) for member in cluster.hosts] == [
        host.plan_deploy(probe).refusal for host in hosts
    ]
    assert len(ordered) > 50


def test_refusals_that_only_a_controller_gives(cluster: Cluster) -> None:
    chance = random.Random(3)
    empty = Host(TOPOLOGIES["laptop"])
    for number in range(3):
        reported = report(empty, f"host{number}", 1)
        apply_report(cluster, cluster.hosts[number], reported, 0.0)
    cluster.cordon(cluster.hosts[0], cordoned=True)
    mark_unreachable(cluster, cluster.hosts[1], "no answer in time")
    choice = choose(cluster, POLICIES["first-fit"], PlacementRequest(random_vm(chance, "vm")))
    cordoned, lost, free, never = (choice.refusal(member) for member in cluster.hosts[:4])
    assert cordoned == Refusal("cordoned")
    assert lost == Refusal("host_unreachable", reason="no answer in time")
    assert free is None
    assert never == Refusal("host_unreachable", reason="not asked yet")
    assert choice.host is cluster.hosts[2]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), [LAPTOP, LAPTOP, EPYC]) as live:
        yield live


def test_over_rest_the_plans_of_hosts_and_controller_agree(live: Running) -> None:
    """Among VMs that came through the controller and such that did not."""
    chance = random.Random(4)
    for number in range(40):
        vcpus, level = chance.choice([1, 1, 2, 4]), chance.choice([1.0, 2.0, 3.0])
        asked = live.controller if number % 2 else chance.choice(live.hosts)
        asked.deploy(f"vm{number}", vcpus, level, memory_gib=chance.choice([0.5, 2, 9]))
    for name, host in live.by_name.items():
        there = sorted(host.get("/listvm"))
        wait_until(lambda: sorted(live.controller.hosts()[name]["vms"]) == there)  # noqa: B023
    for number in range(25):
        body = {"name": f"new{number}", "vcpus": chance.choice([1, 4, 8, 64]), "image": "/i.qcow2"}
        body |= {"memory_gib": chance.choice([1, 9, 40]), "level": chance.choice([1, 1.5, 3])}
        reported = live.controller.call("POST", "/v1/plan", json=body).json()
        own = {
            name: host.call("POST", "/v1/plan", json=body).json()
            for name, host in live.by_name.items()
        }
        for verdict in reported["hosts"]:
            fields = {key: own[verdict["host"]][key] for key in ("accepted", "code", "message")}
            fields |= {key: own[verdict["host"]][key] for key in ("needed", "free", "score")}
            assert {key: verdict[key] for key in fields} == fields
        accepted = [v for v in reported["hosts"] if v["accepted"]]
        assert reported["accepted"] == bool(accepted)
        if accepted:
            best = max(accepted, key=lambda verdict: verdict["score"])
            assert reported["host"] == best["host"]
