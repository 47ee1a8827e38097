"""The cost of a replay: against reading the file, and as it grows."""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import REPLAY, Result, median_cpu, pairs, ratio, run, run_and_ask
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.host import Workload
from slackanalysis.workload.trace import write_sized_trace
from slackvm.topologies import PRESETS

PAIRS = 7
SMALL = {"steps": 1_000, "vms": 300, "alive": 92}
LARGE = {"steps": 10_000, "vms": 3_000, "alive": 157}
"""Ten times the timestamps and VMs, about seventeen times the rows."""

READ = """
import resource
import pyarrow.csv

def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

options = pyarrow.csv.ParseOptions(delimiter="\\t", quote_char=False)
before = cpu()
pyarrow.csv.read_csv({path!r}, parse_options=options)
print(cpu() - before)
"""


def benchmark(folder: Path) -> Iterator[Result]:
    """Measure replays of a small and a large trace, which are made in `folder`."""
    host = PRESETS["epyc-7662"].build()
    workload = Workload(len(host), host.memory_mib, catalogue=CATALOGUES["azure2017"])
    small, large = folder / "small.csv", folder / "large.csv"
    rows = {
        path: write_sized_trace(path, workload, **size).rows
        for path, size in ((small, SMALL), (large, LARGE))
    }
    output = folder / "out.csv"

    def replay(source: Path, target: Path = output) -> list[str]:
        return [*REPLAY, f"--load={source}", f"--output={target}"]

    whole, reading = pairs(
        PAIRS, lambda: run(replay(large)), lambda: run_and_ask(READ.format(path=str(large)))
    )
    name = f"replay of {rows[large]:,} rows, whole process / reading the file"
    yield ratio(name, whole, reading, goal=3, limit=4)
    grown, single = pairs(3, lambda: run(replay(large)), lambda: run(replay(small)))
    name = f"replay of {rows[large]:,} rows / of {rows[small]:,} rows"
    yield ratio(name, grown, single, goal=20, limit=20)
    size_mib = large.stat().st_size / 2**20
    peak = statistics.median(cost.peak_mib for cost in whole)
    yield Result(
        "peak memory of the replay / size of the trace",
        peak / size_mib,
        goal=3,
        limit=3,
        details={"peak_mib": peak, "trace_mib": size_mib},
    )
    written = output.stat().st_size / small.stat().st_size
    yield Result("size of the output / size of the trace", written, goal=1.3, limit=1.3)
    figure = [sys.executable, "-m", "slackanalysis", "figure", "vnode_evolution"]
    figure += ["-p", "trace", str(large), "-p", "output", str(folder / "figure")]
    yield Result(
        f"Fig. 3 from a trace of {rows[large]:,} rows by one command",
        run(figure).cpu_s,
        "s of CPU",
        goal=120,
        limit=120,
    )
    yield from _parquet(folder, large, median_cpu(whole))


def _parquet(folder: Path, large: Path, csv_cpu_s: float) -> Iterator[Result]:
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
            median_cpu(costs) / csv_cpu_s,
            details={"cpu_s": median_cpu(costs)},
        )
    yield Result(
        "size of the Parquet file / of the CSV file",
        source.stat().st_size / large.stat().st_size,
    )
