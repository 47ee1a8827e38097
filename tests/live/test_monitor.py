"""Samples: what VMs use and wait for, from counters that only grow."""

from pathlib import Path

from schedulerlocal.agent.view import View, VNodeView
from schedulerlocal.hypervisor import RUNNING, STOPPED, ObservedVM, PowerState, Usage, VMSpec
from schedulerlocal.telemetry.sampler import Sampler, cpus_used, share_waited
from slackvm.model import VM


def vm(
    name: str, vcpus: int, level: float, state: PowerState = RUNNING, created: float = 0.0
) -> ObservedVM:
    spec = VMSpec(VM(name, vcpus, 1000, level), f"uuid-{name}", Path("/i.qcow2"), False, created)
    return ObservedVM(name, spec.uuid, vcpus, 1000, state, spec, None, None)


def view(*vms: ObservedVM) -> View:
    vnode = VNodeView((), (), 0, 0, 0)
    levels = {each.spec.vm.level: vnode for each in vms if each.spec}
    return View(vnodes=levels, vms={each.name: each for each in vms})


def test_use_and_wait_of_vms_and_levels() -> None:
    """Over 10 s; a level's wait counts each vCPU once, and none of VMs that do not run."""
    host = view(
        vm("small", 1, 2.0), vm("large", 3, 2.0), vm("off", 8, 2.0, STOPPED),
        vm("other", 2, 1.0),
    )  # fmt: skip
    sampler = Sampler(8, 8000, is_simulated=True)
    first = [Usage(f"uuid-{name}", 5, 1, 0) for name in ("small", "large")]
    assert sampler.sample(host, first, 100) is None
    sample = sampler.sample(
        host, [Usage("uuid-small", 13, 3, 500), Usage("uuid-large", 17, 25, 500)], 110
    )
    assert sample
    assert [(use.cpu, use.wait) for use in sample.vms.values()] == [
        (0.8, 0.2),
        (0.4, 0.8),
        (0.0, 0.0),
        (0.0, 0.0),
    ]
    two, one = sample.vnodes[2.0], sample.vnodes[1.0]
    assert (cpus_used(two), share_waited(two)) == (2.0, 0.65)
    assert (cpus_used(one), share_waited(one)) == (0.0, 0.0)
    assert sample.host_cpu == 0.25


def test_a_level_without_running_vms_does_not_wait() -> None:
    assert share_waited([]) == 0
    host = view(vm("off", 8, 2.0, STOPPED))
    sampler = Sampler(8, 8000, is_simulated=True)
    sampler.sample(host, [], 90)
    sample = sampler.sample(host, [], 100)
    assert sample
    assert share_waited(sample.vnodes[2.0]) == 0


def test_use_of_a_vm_counts_from_its_start() -> None:
    """One that is new since the sample before, one started again, one said to be of tomorrow."""
    host = view(
        vm("new", 1, 2.0, created=106), vm("again", 1, 2.0), vm("tomorrow", 1, 2.0,
        created=1000),
    )  # fmt: skip
    sampler = Sampler(8, 8000, is_simulated=True)
    sampler.sample(host, [Usage("uuid-again", 500, 0, 0), Usage("uuid-tomorrow", 3, 0, 0)], 100)
    names = ("new", "again", "tomorrow")
    sample = sampler.sample(host, [Usage(f"uuid-{name}", 4, 0, 0) for name in names], 110)
    assert sample
    assert [use.cpu for use in sample.vms.values()] == [1.0, 0.4, 0.1]
