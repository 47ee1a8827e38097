"""Inputs of figures, made where the user does not give them."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from slackanalysis.outputs.tables import write_table
from slackanalysis.progress import Track, untracked
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sweep.cells import PAPER_MIXES, cells_of, sweep
from slackanalysis.sweep.published import PUBLISHED_SIZE, PUBLISHED_VMS
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.host import Workload
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.temporality import Temporality
from slackanalysis.workload.trace import write_trace
from slackvm.topologies import load_topology

_BAD_INPUT = 2
_CELLS = "cells"


def host_size(cpus: int, memory_mib: int) -> HostSize:
    """Return what hosts offer.

    Raises:
        ValueError: it is nothing.
    """
    for name, value in (("host_cpus", cpus), ("host_memory_mib", memory_mib)):
        if value < 1:
            raise ValueError(f"{name} {value} is not allowed: 1 or more")
    return HostSize(cpus, memory_mib)


def existing(path: str) -> Path:
    """Return the path of a file that a user gives.

    Raises:
        ValueError: there is no such file.
    """
    if path == "-" or (Path(path).exists() and not Path(path).is_file()):
        raise ValueError(f"{path}: not a file; figures are drawn of files, so save it as one first")
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    return Path(path)


def replayed(monitoring: str, trace: str, topology: str, seed: int, folder: Path | str) -> Path:
    """Return the recording to draw: the one given, or that of a replay which is run now.

    Args:
        monitoring: a replay's output; empty: a replay is run.
        trace: what is replayed then, and else what `monitoring` is the replay of; empty: a trace is
            generated, as `slackanalysis.workload.trace` does.
        topology: the host to replay it on: a preset or a topology file.
        seed: of the generated trace.
        folder: where the replay's output goes, as Parquet.

    Raises:
        ValueError: a file is missing or not a recording, or the topology is not valid.
        OSError: a file cannot be read or written.
        RuntimeError: the replay failed.
    """
    if monitoring:
        return existing(monitoring)
    if trace:
        output = Path(folder) / f"replay-{existing(trace).name.partition('.')[0]}.parquet"
        replay(trace, topology, output)
        return output
    host = load_topology(topology)
    output = Path(folder) / f"replay-seed{seed}.parquet"
    with tempfile.TemporaryDirectory() as scratch:
        generated = Path(scratch) / "trace.csv"
        write_trace(generated, Workload(len(host), host.memory_mib, seed=seed))
        replay(str(generated), topology, output)
    return output


def swept(
    table: str,
    folder: Path | str,
    *,
    seeds: int,
    policies: Sequence[str],
    mixes: Sequence[str] = PAPER_MIXES,
    sizes: Sequence[int] = (PUBLISHED_VMS,),
    track: Track = untracked,
) -> Path:
    """Return the table of sizings to draw: the one given, or that of a sweep which is run now.

    The sweep is of both published catalogues, on hosts as in the paper. What it has computed once
    it keeps beside its table, and does not compute again.

    Args:
        table: a table of sizings; empty: a sweep is run.
        folder: where the sweep's table goes, as Parquet.
        seeds: number of seeds, from 1 on.
        policies: names of placement policies.
        mixes: level mixes.
        sizes: numbers of VMs at the start.
        track: shows how far the sweep is.

    Raises:
        ValueError: the file is missing, or a number, mix or policy is not allowed.
        LookupError: there is no such policy.
        OSError: a file cannot be written.
    """
    if table:
        return existing(table)
    asked = (seeds, *map(list, (policies, mixes, sizes)))
    for name, given in (
        ("seeds", range(seeds)),
        ("policies", policies),
        ("mixes", mixes),
        ("sizes", sizes),
    ):
        if not given:
            raise ValueError(f"{name}: 1 or more is needed")
    cells = cells_of(
        list(CATALOGUES.values()),
        [parse_mix(mix) for mix in dict.fromkeys(mixes)],
        list(dict.fromkeys(sizes)),
        range(1, seeds + 1),
        list(dict.fromkeys(policies)),
        Temporality(),
        PUBLISHED_SIZE,
    )
    progress = track(f"sizing {len(cells)} clusters", len(cells))
    sizings = sweep(cells, Path(folder) / _CELLS, progress=progress)
    output = Path(folder) / f"sweep-{sha256(repr(asked).encode()).hexdigest()[:8]}.parquet"
    write_table(output, sizings)
    return output


class Inputs:
    """What figures leave out, made once for all of them.

    Args:
        folder: where what is made goes.
        track: shows what is made and how far it is.
    """

    def __init__(self, folder: Path, track: Track = untracked) -> None:
        self._folder = folder
        self._track = track
        self._made: dict[str, Path] = {}

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a notebook's parameters, with what they leave out made.

        Raises:
            ValueError: what it is to be made of is wrong.
            LookupError: there is no such policy.
            OSError: a file cannot be read or written.
            RuntimeError: making it failed.
        """
        completed = dict(values)
        if "monitoring" in values:
            names = ("monitoring", "trace", "topology", "seed")
            if values["monitoring"] and values["trace"]:
                both = f"monitoring {values['monitoring']} and trace {values['trace']}"
                raise ValueError(f"{both}: only one of them can be drawn")
            recording = self._once(replayed, {name: values[name] for name in names})
            completed["monitoring"] = recording
        if "sweep" in values:
            asked = {name: values[name] for name in ("seeds", "mixes", "sizes") if name in values}
            policies = values["policies"] if "policies" in values else [values["policy"]]
            asked |= {"table": values["sweep"], "policies": policies, "track": self._track}
            completed["sweep"] = self._once(swept, asked)
        return completed

    def _once(self, make: Callable[..., Path], arguments: Mapping[str, Any]) -> str:
        key = repr((make.__name__, sorted(arguments.items())))
        if key not in self._made:
            self._made[key] = make(folder=self._folder, **arguments)
        return str(self._made[key])


def replay(trace: Path | str, topology: str, output: Path, selection: str = "paper") -> None:
    """Run `slackvm-local` on a recording.

    Args:
        trace: the recording.
        topology: the host to replay it on: a preset or a topology file.
        output: the recording of the replay.
        selection: how CPUs are chosen for vNodes.

    Raises:
        ValueError: it says that its input is bad.
        RuntimeError: it failed otherwise.
    """
    arguments = [f"--topology={topology}", f"--load={trace}", f"--output={output}"]
    arguments.append(f"--selection={selection}")
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "schedulerlocal", *arguments],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        if done.returncode == _BAD_INPUT:
            raise ValueError(reason.removeprefix("Error: "))
        raise RuntimeError(f"the replay failed with exit code {done.returncode}: {reason}")
