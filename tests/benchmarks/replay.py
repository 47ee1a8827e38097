"""The cost of a replay: against reading the file, and as it grows."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import REPLAY, Result, best, pairs, ratio, run, run_and_ask, shown
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.host import Workload
from slackanalysis.workload.trace import write_sized_trace
from slackvm.topologies import PRESETS

PAIRS = 7
SMALL = {"steps": 1_000, "vms": 300, "alive": 92}
MIDDLE = {"steps": 3_200, "vms": 960, "alive": 157}
LARGE = {"steps": 10_000, "vms": 3_000, "alive": 157}
"""Ten times the timestamps and VMs of the small one, about seventeen times the rows."""

MILLION = 1_000_000
"""Rows from which on the goal holds: below, the start of Python and its libraries counts most."""

GOAL, LIMIT = 3.5, 6.0
"""How often the user time of reading the file a whole replay may take."""

READ = """
import resource
import pyarrow.csv

def user_s():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime

options = pyarrow.csv.ParseOptions(delimiter="\\t", quote_char=False)
before = user_s()
pyarrow.csv.read_csv({path!r}, parse_options=options)
print(user_s() - before)
"""


def benchmark(folder: Path) -> Iterator[Result]:
    """Measure replays of traces of three sizes, which are made in `folder`."""
    host = PRESETS["epyc-7662"].build()
    workload = Workload(len(host), host.memory_mib, catalogue=CATALOGUES["azure2017"])
    small, middle, large = (folder / f"{name}.csv" for name in ("small", "middle", "large"))
    rows = {
        path: write_sized_trace(path, workload, **size).rows
        for path, size in ((small, SMALL), (middle, MIDDLE), (large, LARGE))
    }
    output = folder / "out.csv"

    def replay(source: Path, target: Path = output) -> list[str]:
        return [*REPLAY, f"--load={source}", f"--output={target}"]

    costs = {}
    for path, count in rows.items():
        read = READ.format(path=str(path))
        costs[path], reading = pairs(PAIRS, partial(run, replay(path)), partial(run_and_ask, read))
        name = f"replay of {count:,} rows, whole process / reading the file"
        bounds = (GOAL, LIMIT) if count >= MILLION else (None, None)
        yield ratio(name, costs[path], reading, *bounds)
    name = f"replay of {rows[large]:,} rows / of {rows[small]:,} rows"
    yield ratio(name, costs[large], costs[small], goal=20, limit=20)
    size_mib = large.stat().st_size / 2**20
    peak = min(cost.peak_mib for cost in costs[large])
    yield Result(
        "peak memory of the replay / size of the trace",
        peak / size_mib,
        goal=3,
        limit=3,
        absolute=f"{peak:.0f} MiB / {size_mib:.0f} MiB",
        details={"peak_mib": peak, "trace_mib": size_mib},
    )
    written = output.stat().st_size / large.stat().st_size
    yield Result("size of the output / size of the trace", written, goal=1.3, limit=1.3)
    figure = [sys.executable, "-m", "slackanalysis", "figure", "vnode_evolution"]
    figure += ["-p", "trace", str(large), "-p", "output", str(folder / "figure")]
    yield Result(
        f"Fig. 3 from a trace of {rows[large]:,} rows by one command",
        run(figure).seconds,
        "s of user time",
        goal=120,
        limit=120,
    )
    yield from _parquet(folder, large, best(costs[large]))


def _parquet(folder: Path, large: Path, csv_s: float) -> Iterator[Result]:
    source, output = folder / "large.parquet", folder / "out.parquet"
    run([*REPLAY, f"--load={large}", f"--output={source}"])
    into_csv, into_parquet = pairs(
        3,
        lambda: run([*REPLAY, f"--load={source}", f"--output={folder / 'out.csv'}"]),
        lambda: run([*REPLAY, f"--load={source}", f"--output={output}"]),
    )
    for name, costs in (("CSV", into_csv), ("Parquet", into_parquet)):
        yield Result(
            f"replay of Parquet into {name} / of CSV into CSV",
            best(costs) / csv_s,
            absolute=f"{shown(best(costs))} / {shown(csv_s)}",
            details={"first_s": best(costs), "second_s": csv_s},
        )
    yield Result(
        "size of the Parquet file / of the CSV file",
        source.stat().st_size / large.stat().st_size,
    )
