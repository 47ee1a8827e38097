"""What figures are drawn of, made where a user gives nothing of their own."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from slackanalysis.notebooks import Value
from slackanalysis.trace import write_trace
from slackanalysis.workload import Workload
from slackvm.topologies import load_topology

_BAD_INPUT = 2


def replayed(monitoring: str, trace: str, topology: str, seed: int, folder: Path | str) -> Path:
    """Return the recording to draw: the one given, or that of a replay which is run now.

    Args:
        monitoring: a replay's output; empty: a replay is run.
        trace: the recording to replay; empty: one is generated, as `slackanalysis.trace` does.
        topology: the host to replay it on: a preset or a topology file.
        seed: of the generated trace.
        folder: where the replay's output goes, as Parquet.

    Raises:
        ValueError: a file is missing or no recording, or the topology is none.
        OSError: a file cannot be read or written.
    """
    if monitoring and trace:
        raise ValueError(
            f"monitoring {monitoring} and trace {trace}: only one of them can be drawn"
        )
    if monitoring:
        if not Path(monitoring).is_file():
            raise ValueError(f"{monitoring}: no such file")
        return Path(monitoring)
    if trace:
        output = Path(folder) / f"replay-{Path(trace).name.partition('.')[0]}.parquet"
        _replay(trace, topology, output)
        return output
    host = load_topology(topology)
    output = Path(folder) / f"replay-seed{seed}.parquet"
    with tempfile.TemporaryDirectory() as scratch:
        generated = Path(scratch) / "trace.csv"
        write_trace(generated, Workload(len(host), host.memory_mib, seed=seed))
        _replay(str(generated), topology, output)
    return output


def _replay(trace: str, topology: str, output: Path) -> None:
    """Run `slackvm-local` on a recording.

    Raises:
        ValueError: it says that its input is bad.
        RuntimeError: it failed otherwise.
    """
    arguments = [f"--topology={topology}", f"--load={trace}", f"--output={output}"]
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


class Inputs:
    """What figures leave out, made once for all of them.

    Args:
        folder: where what is made goes.
        tell: told what is made before it is.
    """

    def __init__(self, folder: Path, tell: Callable[[str], object] = lambda _: None) -> None:
        self._folder = folder
        self._tell = tell
        self._made: dict[tuple[object, ...], Path] = {}

    def complete(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values of a notebook's parameters, with what they leave out made.

        Raises:
            ValueError: what it is to be made of is wrong.
            OSError: a file cannot be read or written.
            RuntimeError: making it failed.
        """
        completed = dict(values)
        if values.get("monitoring") == "":
            trace, topology = str(values["trace"]), str(values["topology"])
            seed = int(str(values["seed"]))
            key = ("replay", trace, topology, seed)
            if key not in self._made:
                self._tell(f"replaying {trace or 'a generated trace'} on {topology}")
                self._made[key] = replayed("", trace, topology, seed, self._folder)
            completed |= {"monitoring": str(self._made[key]), "trace": ""}
        return completed
