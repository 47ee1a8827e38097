"""Generated inputs that are hard to draw, for `contact_sheet`.

Recordings are of a live host (its clock has a date), of one level and of eight, of 50 VMs, with
a vNode that is empty and with a single sample; sweeps are of few and of many seeds, of one provider
and of six, with long names of providers and policies.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from slackanalysis.contention.arrangements import ARRANGEMENTS
from slackanalysis.figures.plots.contention import draw_contention, summarise
from slackanalysis.figures.plots.host_usage import draw_host_usage, host_usage_table
from slackanalysis.figures.plots.levels_complement import draw_levels_complement
from slackanalysis.figures.plots.memory import draw_memory, memory_table
from slackanalysis.figures.plots.policies import above_bound, draw_policies
from slackanalysis.figures.plots.reproduction import draw_reproduction
from slackanalysis.figures.plots.scale import draw_scale, gain_by_size
from slackanalysis.figures.plots.unallocated import draw_unallocated, unallocated
from slackanalysis.figures.plots.vm_count import draw_vm_count, vm_count_table
from slackanalysis.figures.plots.vm_usage import draw_vm_usage
from slackanalysis.figures.plots.vnode_evolution import draw_vnode_evolution, vnode_evolution_table
from slackanalysis.figures.plots.workers_saved import draw_workers_saved
from slackanalysis.recordings.vms import read_vm_use
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sweep.cells import PAPER_MIXES
from slackanalysis.sweep.reproduction import beside_published, reproduction
from slackanalysis.workload.catalogue import CATALOGUES

_LIVE_S = 1_795_839_810
_SIZE = HostSize(32, 131_072)
_EIGHT = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 8.0)
_PUBLISHED = ("ovhcloud2023", "azure2017")
_SIX = (*_PUBLISHED, "huawei-east-1", "bitbrains", "alibaba-2018", "private-cloud")
_LONG = tuple(f"a-provider-whose-name-is-{what}-to-write" for what in ("long", "very-long", "odd"))
_POLICIES = ("first-fit", "progress", "best-fit", "random:1")
_LONG_POLICIES = (
    "first-fit",
    "laboratory.experiments.placement:tightest_memory_1",
    "laboratory.experiments.placement:tightest_memory_2",
)
_PROVIDERS = {"two providers": _PUBLISHED, "long names": _LONG, "six providers": _SIX}
_HEADER = (
    *("tmp", "rec", "res", "val", "config", "subset"),
    *("vm_uuid", "vm_cmn", "sb_oc", "sb_unused", "sb_dsc"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A figure of a made-up input.

    Attributes:
        figure: name of the figure.
        input: what it is drawn of.
        draw: draws it, so many inches wide.
    """

    figure: str
    input: str
    draw: Callable[[float], Figure]


@dataclass(frozen=True, slots=True)
class _Recording:
    """A recording that is made up: its clock at the first sample, samples, and VMs by level."""

    start_s: int
    step_s: int
    samples: int
    cpus: int
    vms: dict[float, int]


_RECORDINGS = {
    "live host": _Recording(_LIVE_S, 180, 200, 128, {1.0: 8, 2.0: 5, 3.0: 4}),
    "one level": _Recording(0, 15, 200, 16, {2.0: 6}),
    "eight levels": _Recording(_LIVE_S, 7_200, 84, 256, dict.fromkeys(_EIGHT, 6)),
    "50 VMs": _Recording(0, 300, 100, 128, {1.0: 15, 1.5: 20, 3.0: 15}),
    "empty vNode": _Recording(_LIVE_S, 60, 60, 64, {1.0: 6, 3.0: 0}),
    "one sample": _Recording(_LIVE_S, 60, 1, 8, {1.0: 2, 3.0: 1}),
}


def examples(folder: Path) -> Iterator[Example]:
    """Yield every figure of every input.

    Args:
        folder: where recordings are written to.
    """
    for name, recording in _RECORDINGS.items():
        path = folder / f"{name.replace(' ', '-')}.csv"
        _write(path, recording)
        yield from _of_recording(name, path)
    for name, providers, seeds in (
        ("two providers, 20 seeds", _PUBLISHED, 20),
        ("two providers, 3 seeds", _PUBLISHED, 3),
        ("one provider", _SIX[2:3], 8),
        ("six providers", _SIX, 6),
        ("long names", _LONG, 3),
    ):
        yield from _of_sweep(name, providers, seeds)
    for name, levels in (("three levels", (1.0, 2.0, 3.0)), ("eight levels", _EIGHT)):
        for which, providers in _PROVIDERS.items():
            yield from _of_levels(f"{name}, {which}", providers, levels)


def _of_recording(name: str, path: Path) -> Iterator[Example]:
    draws: dict[str, Callable[[float], Figure]] = {
        "vnode_evolution": lambda width: draw_vnode_evolution(
            vnode_evolution_table(path), width_in=width
        ),
        "host_usage": lambda width: draw_host_usage(host_usage_table(path), width_in=width),
        "memory": lambda width: draw_memory(memory_table(path), width_in=width),
        "vm_count": lambda width: draw_vm_count(vm_count_table(path), width_in=width),
        "vm_usage": lambda width: draw_vm_usage(read_vm_use(path), width_in=width),
    }
    for figure, draw in draws.items():
        yield Example(figure, name, draw)


def _of_sweep(name: str, providers: Sequence[str], seeds: int) -> Iterator[Example]:
    policies = _LONG_POLICIES if providers == _LONG else _POLICIES
    table = _sizings(providers, seeds, policies[:1], (500,))
    draws: dict[str, Callable[[float], Figure]] = {
        "workers_saved": lambda width: draw_workers_saved(beside_published(table), width_in=width),
        "unallocated": lambda width: draw_unallocated(unallocated(table), width_in=width),
        "policies": lambda width: draw_policies(
            above_bound(_sizings(providers, seeds, policies, (500,))), width_in=width
        ),
        "scale": lambda width: draw_scale(
            gain_by_size(
                _sizings(providers, seeds, policies[:1], (125, 250, 500, 550, 1000, 2000))
            ),
            width_in=width,
        ),
    }
    if set(providers) & set(_PUBLISHED):
        draws["reproduction"] = lambda width: draw_reproduction(reproduction(table), width_in=width)
    for figure, draw in draws.items():
        yield Example(figure, name, draw)


def _of_levels(name: str, providers: Sequence[str], levels: Sequence[float]) -> Iterator[Example]:
    yield Example(
        "levels_complement",
        name,
        lambda width: draw_levels_complement(_complement(providers, levels), _SIZE, width_in=width),
    )
    yield Example(
        "contention",
        name,
        lambda width: draw_contention(
            summarise(_contention(providers, levels, 3 if "long" in name else 8)), width_in=width
        ),
    )


def _write(path: Path, made: _Recording) -> None:
    """Write a recording: VMs come one after the other, and some leave."""
    rng = np.random.default_rng(1)
    memory_mib = 4096 * made.cpus
    vms = [
        (level, int(rng.choice([1, 2, 4])), int(rng.integers(0, max(made.samples * 2 // 3, 1))))
        for level, count in made.vms.items()
        for _ in range(count)
    ]
    busy = rng.uniform(0.2, 1, len(vms))
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(_HEADER)
        for sample in range(made.samples):
            now = made.start_s + sample * made.step_s
            here = [
                (number, *vm[:2])
                for number, vm in enumerate(vms)
                if vm[2] <= sample and not (number % 4 == 0 and sample > vm[2] + made.samples // 3)
            ]
            use = (busy * rng.beta(2, 5, len(vms))).round(4)
            rows = _rows(made, here, use, memory_mib)
            writer.writerows([now, *row] for row in rows)


def _rows(
    made: _Recording,
    here: Sequence[tuple[int, float, int]],
    use: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    memory_mib: int,
) -> Iterator[list[object]]:
    """Yield the rows of a sample, but for the timestamp: the host, vNodes and VMs, twice."""
    none = "None"
    used = sum(vcpus * use[number] for number, _, vcpus in here)
    yield ["global", "cpu", round(used / made.cpus, 4), made.cpus, *[none] * 6]
    for level in made.vms:
        of_level = [vm for vm in here if vm[1] == level]
        owned = int(np.ceil(sum(vcpus for *_, vcpus in of_level) / level))
        used = round(float(sum(vcpus * use[number] for number, _, vcpus in of_level)), 4)
        yield ["subset", "cpu", used, owned, f"subset-{level}", none, none, level, 0, "{}"]
        for number, _, vcpus in of_level:
            vm = [f"subset-{level}", f"uuid-{number}", f"vm{number}", level, none, none]
            yield ["vm", "cpu", use[number], vcpus, *vm]
    sold = sum(4096 * vcpus for *_, vcpus in here)
    yield ["global", "mem", round(0.6 * sold / memory_mib, 4), memory_mib, *[none] * 6]
    yield ["subset", "mem", 0.6, sold, "subset-1", none, none, 1, 0, "{}"]
    for number, _, vcpus in here:
        vm = ["subset-1", f"uuid-{number}", f"vm{number}", 1, none, none]
        yield ["vm", "mem", 0.6, 4096 * vcpus, *vm]


def _sizings(
    providers: Sequence[str], seeds: int, policies: Sequence[str], sizes: Sequence[int]
) -> pd.DataFrame:
    """Return sizings of the paper's mixes with numbers of hosts that are made up."""
    rng = np.random.default_rng(2)
    rows = []
    for vms in sizes:
        for place, provider in enumerate(providers):
            for mix in PAPER_MIXES:
                ones, twos, threes = map(int, mix.split("-"))
                mixed = 100 - max(ones, twos, threes)
                for seed in range(1, seeds + 1):
                    separate = round(vms / 6 + rng.normal(0, vms / 60))
                    share = (mixed / 100) * (0.04 + 0.03 * place) + rng.normal(0, 0.01)
                    bound = max(1, round(separate * (1 - share)) - 1)
                    for number, policy in enumerate(policies):
                        shared = bound + 1 + round(number * rng.random() * separate / 50)
                        row = {"provider": provider, "mix": mix, "vms": vms, "seed": seed}
                        row |= {"policy": policy, "hosts_shared": shared}
                        row |= {"hosts_separate": separate + number, "hosts_bound": bound}
                        for cluster, hosts in (("shared", shared), ("separate", separate)):
                            for what, of_host in (("cpus", 32), ("memory_mib", 131_072)):
                                fraction = (
                                    0.2 if cluster == "separate" else 0.08
                                ) + 0.05 * rng.random()
                                left = (fraction + 0.05 * rng.random()) * hosts * of_host
                                row[f"{what}_unallocated_peak_{cluster}"] = int(left)
                                row[f"{what}_allocated_peak_{cluster}"] = hosts * of_host - int(
                                    left
                                )
                        rows.append(row)
    table = pd.DataFrame(rows)
    # Columns of origin as in the published setting, so that the published numbers are drawn.
    hashes = {name: catalogue.sha256 for name, catalogue in CATALOGUES.items()}
    return table.assign(
        list_sha256="made up",
        host_cpus=_SIZE.cpus,
        host_memory_mib=_SIZE.memory_mib,
        temporality="360,8640,7",
        generator="made up",
        catalogue_sha256=table["provider"].map(hashes),
    )


def _complement(providers: Sequence[str], levels: Sequence[float]) -> pd.DataFrame:
    ideal = _SIZE.memory_mib / 1024 / _SIZE.cpus
    rows = []
    for place, provider in enumerate(providers):
        for level in levels:
            ratio = (2.1 + 0.35 * place) * level**0.8
            left = 100 * max(0.0, 1 - ideal / ratio), 100 * max(0.0, 1 - ratio / ideal)
            row = {"provider": provider, "level": level, "gib_per_cpu": ratio}
            rows.append(row | {"cpus_left_percent": left[0], "memory_left_percent": left[1]})
    return pd.DataFrame(rows)


def _contention(providers: Sequence[str], levels: Sequence[float], seeds: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for provider in providers:
        for seed in range(1, seeds + 1):
            for number, arrangement in enumerate(ARRANGEMENTS):
                for level in levels:
                    lost = (level - 1) * rng.gamma(2, 0.4) * (0.4 + number % 3)
                    row = {"provider": provider, "seed": seed, "arrangement": arrangement}
                    row |= {"level": level, "hosts": 60, "demanded_cpu_s": 100.0, "vm_s": 100.0}
                    row |= {"unserved_cpu_s": lost, "short_vm_s": min(4 * lost, 100)}
                    rows.append(row)
    return pd.DataFrame(rows)
