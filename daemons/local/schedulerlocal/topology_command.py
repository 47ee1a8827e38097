"""`slackvm-local topology`: show the topology of a host, or write it to a file."""

from collections import Counter
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from slackvm.cli.failures import reported
from slackvm.formats.files import refuse_overwriting
from slackvm.model.topology import Topology
from slackvm.settings import DEFAULT_ENV_FILE, LocalSettings, load_settings
from slackvm.topologies import (
    DESCRIPTION_KEYS,
    PRESETS,
    format_cpu_list,
    parse_cpu_list,
    parse_description,
    read_json,
    read_sysfs,
    reserve_for_system,
    to_json,
    write_json,
)

_EXAMPLES = """\b
Examples:
  slackvm-local topology
  slackvm-local topology --exclude 0-1 --reserve 4096 --output host.json
  slackvm-local topology --preset epyc-7662 --output -
  slackvm-local topology --describe 'sockets=2 cores=64 threads=2 l3=4 memory=1031742'
  slackvm-local topology --from host.json --exclude 0

\b
Keys of --describe, and what stands for one left out:
""" + "\n".join(f"  {key:<10} {meaning}" for key, meaning in DESCRIPTION_KEYS.items())

_STANDARD_OUTPUT = Path("-")
_INDEXES_WITH_L3 = 4  # L1d, L1i, L2, L3


@click.command("topology", epilog=_EXAMPLES)
@click.option(
    "--preset", type=click.Choice(list(PRESETS), case_sensitive=False), help="A host known by name."
)
@click.option("--describe", metavar="TEXT", help="A host in key=value pairs; the keys are below.")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A topology file, JSON as the prototype writes it.",
)
@click.option(
    "--exclude",
    metavar="LIST",
    help="CPUs kept for the system: 0-11,128-139; of this machine TOPO_EXCLUDE where left out.",
)
@click.option(
    "--reserve",
    metavar="MIB",
    type=click.IntRange(min=0),
    help="Memory kept for the system; of this machine SCL_MEM_RESERVED where it is left out.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a topology file there; - is standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --output -.")
@click.pass_context
def topology(
    context: click.Context,
    preset: str | None,
    describe: str | None,
    file: Path | None,
    exclude: str | None,
    reserve: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show the CPUs that a host offers to VMs, how far apart they are, and its memory.

    The host is this machine, unless one of --preset, --describe and --from names another.
    """
    if sum(source is not None for source in (preset, describe, file)) > 1:
        raise click.UsageError("--preset, --describe and --from exclude one another")
    if as_json and output not in (None, _STANDARD_OUTPUT):
        raise click.UsageError("--json and --output exclude one another")
    env_file: Path | None = context.find_root().params.get("env_file")
    with reported():
        refuse_overwriting(filter(None, [output]), filter(None, [file, env_file, DEFAULT_ENV_FILE]))
        if (preset, describe, file) == (None, None, None):
            shown = _this_machine(exclude, reserve, env_file)
        else:
            described = _read(preset, describe, file)
            shown = reserve_for_system(described, parse_cpu_list(exclude or ""), reserve or 0)
        if as_json or output == _STANDARD_OUTPUT:
            click.echo(to_json(shown))
        elif output is None:
            click.echo(_summary(shown))
        else:
            write_json(shown, output)


def _this_machine(exclude: str | None, reserve: int | None, env_file: Path | None) -> Topology:
    settings = load_settings(
        LocalSettings, env_file, topo_exclude=exclude, scl_mem_reserved=reserve
    )
    return read_sysfs(
        exclude=parse_cpu_list(settings.topo_exclude),
        memory_reserved_mib=settings.scl_mem_reserved,
    )


def _read(preset: str | None, describe: str | None, file: Path | None) -> Topology:
    if preset is not None:
        return PRESETS[preset].build()
    return read_json(file) if file is not None else parse_description(describe or "").build()


def _summary(shown: Topology) -> str:
    """Return a topology as a table for people."""
    cpu_ids = [cpu.cpu_id for cpu in shown.cpus]
    nodes = [
        (f"  node {node}", _cpus([cpu.cpu_id for cpu in shown.cpus if cpu.numa_node == node]))
        for node in shown.numa_distances
    ]
    distances = [
        (f"  {distance}", _counted(pairs, "pair") + " of CPUs")
        for distance, pairs in sorted(_pairs_by_distance(shown.distances).items())
    ]
    caches = len(shown.cpus[0].caches)
    groups = _groups(shown.last_level_caches, "CPU") if caches else "not known"
    frequencies = {cpu.max_freq_khz for cpu in shown.cpus if cpu.max_freq_khz is not None}
    clocks = ", ".join(f"{khz / 1e6:.2f} GHz" for khz in sorted(frequencies))
    rows = [
        ("CPUs", _cpus(cpu_ids)),
        ("Sockets", str(len({cpu.socket for cpu in shown.cpus}))),
        ("Cores", _groups(shown.cores, "thread")),
        ("L3 groups" if caches >= _INDEXES_WITH_L3 else "Cache groups", groups),
        ("Clock", clocks or "not known"),
        ("Memory", f"{shown.memory_mib} MiB for VMs, of {shown.memory_total_mib} MiB"),
        ("NUMA nodes", str(len(nodes))),
        *nodes,
        ("Distances", "" if distances else "none: there is one CPU"),
        *distances,
    ]
    return "\n".join(f"{name:<14}{value}".rstrip() for name, value in rows)


def _cpus(cpu_ids: list[int]) -> str:
    return f"{len(cpu_ids)}: {format_cpu_list(cpu_ids)}" if cpu_ids else "no CPU"


def _groups(labels: NDArray[np.int64], member: str) -> str:
    """Return how many groups the CPUs form, by size: `1 of 1 thread, 116 of 2 threads`."""
    sizes = Counter(np.bincount(labels).tolist())
    return ", ".join(
        f"{groups} of {_counted(size, member)}" for size, groups in sorted(sizes.items())
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _pairs_by_distance(distances: NDArray[np.int64]) -> Counter[int]:
    """Return how many pairs of CPUs are at each distance, seen from the first of the two."""
    pairs: Counter[int] = Counter()
    for position, row in enumerate(distances):
        values, counts = np.unique(row[position + 1 :], return_counts=True)
        pairs.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    return pairs
