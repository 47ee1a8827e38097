"""Who is drawn: published shares hold, and a host at load 1 or less has room for all."""

import numpy as np
import pytest

from slackanalysis.workload.arrivals import fill_host, keep_steady
from slackanalysis.workload.catalogue import CATALOGUES, PROFILES
from slackanalysis.workload.host import Workload
from slackanalysis.workload.mix import parse_mix

LARGE = {"cpus": 8000, "memory_mib": 64_000_000, "step_s": 60}


def chi_square(counts: np.ndarray, shares: np.ndarray) -> float:
    expected = counts.sum() * shares / shares.sum()
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_flavours_come_by_their_counts(catalogue):
    workload = Workload(**LARGE, catalogue=catalogue, mix={1.0: 1.0})
    population = fill_host(workload)
    flavours = catalogue.flavours
    counts = np.array(
        [
            np.sum((population.vcpus == f.vcpus) & (population.memory_mib == f.memory_mib))
            for f in flavours
        ]
    )
    assert counts.sum() == len(population) > 2000
    # 6 degrees of freedom: above 22.5 once in a thousand seeds.
    assert chi_square(counts, np.array([f.count for f in flavours])) < 22.5


def test_levels_come_by_their_shares_whatever_the_flavour():
    # Pooled over seeds: a single one may be far off by chance, a bias would be there in all.
    mix = parse_mix("50-25-25")
    drawn = [fill_host(Workload(**LARGE, mix=mix, seed=seed)) for seed in range(1, 11)]
    for vcpus in (1, 2, 4):
        levels = np.concatenate([p.level[p.vcpus == vcpus] for p in drawn])
        shares = np.bincount(levels, minlength=3) / len(levels)
        # Standard deviation of a share: 0.007 at most (5,800 VMs of the rarest size).
        assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.02)


def test_profiles_come_by_share_times_arrival_rate():
    population = fill_host(Workload(**LARGE))
    arriving = np.array([p.share * p.arrival_rate for p in PROFILES])
    counts = np.bincount(population.profile, minlength=len(PROFILES))
    assert chi_square(counts, arriving) < 16.3


def test_the_departure_rate_lives_up_to_a_virtual_day_and_the_rest_stays():
    population = fill_host(Workload(**LARGE, duration_s=40_000))
    early = population.arrival * 60 < 30_000
    for index, profile in enumerate(PROFILES):
        chosen = early & (population.profile == index)
        left = population.departure[chosen] * 60 <= 40_000
        life = (population.departure - population.arrival)[chosen][left] * 60
        assert np.mean(left) == pytest.approx(profile.departure_rate, abs=0.08)
        assert life.min() >= 360
        assert life.max() <= 8640 + 60


def test_an_oversubscribed_vm_has_8_gib_at_most():
    population = fill_host(Workload(mix=parse_mix("50-25-25")))
    is_oversubscribed = population.level > 0
    assert population.memory_mib[is_oversubscribed].max() == 8192
    assert population.memory_mib[~is_oversubscribed].max() > 8192


@pytest.mark.parametrize("load", [0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_load_is_reached_at_the_end(load, seed):
    workload = Workload(load=load, seed=seed)
    owned, _ = demand(workload)
    assert 0.95 * load <= owned[-1] / workload.cpus <= load


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("host", [{}, {"cpus": 8, "memory_mib": 31776}, {"memory_mib": 200_000}])
def test_up_to_load_1_there_is_room_for_all_at_all_times(host, seed):
    workload = Workload(seed=seed, **host)
    owned, memory = demand(workload)
    assert owned.max() <= workload.cpus
    assert memory.max() <= workload.memory_mib


def test_vms_arrive_all_along():
    population = fill_host(Workload())
    counts, _ = np.histogram(population.arrival, bins=6, range=(0, 2000))
    assert counts.min() > 0.08 * len(population)


def test_a_host_without_room_for_any_vm_is_reported():
    with pytest.raises(ValueError, match="no VM of catalogue 'ovhcloud2023' fits a host of 1 CPUs"):
        fill_host(Workload(cpus=1, memory_mib=1))


def test_a_steady_population_has_the_numbers_asked_for():
    workload = Workload(duration_s=999 * 15)
    population = keep_steady(workload, vms=600, alive=90)
    assert len(population) == 600
    alive = (population.departure - population.arrival).sum() / workload.steps
    assert alive == pytest.approx(90, rel=0.15)
    assert (np.diff(population.arrival) >= 0).all()


@pytest.mark.parametrize("alive", [0, 11])
def test_a_steady_population_needs_vms_enough(alive):
    with pytest.raises(ValueError, match=f"alive {alive} is not allowed"):
        keep_steady(Workload(), vms=10, alive=alive)


def demand(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Return CPUs and MiB that all VMs need at each timestamp, counted one by one."""
    population = fill_host(workload)
    owned = np.zeros(workload.steps, dtype=int)
    memory = np.zeros(workload.steps, dtype=int)
    for step in range(workload.steps):
        alive = (population.arrival <= step) & (step < population.departure)
        memory[step] = population.memory_mib[alive].sum()
        for index, level in enumerate(workload.levels):
            vcpus = population.vcpus[alive & (population.level == index)]
            if len(vcpus):
                owned[step] += max(-(-int(vcpus.sum()) // int(level)), int(vcpus.max()))
    return owned, memory
