"""All benchmarks: a table for people, JSON for programs; exit code 1 if a limit is passed."""

import json
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import cluster, decisions, live, replay, sizing, start
from benchmarks.harness import Result

BENCHMARKS = ("start", "decisions", "replay", "live", "cluster", "sizing")


def results(names: list[str]) -> Iterator[Result]:
    """Run the benchmarks of these names."""
    if "start" in names:
        yield from start.benchmark()
    if "decisions" in names:
        yield from decisions.benchmark()
    if "replay" in names:
        with tempfile.TemporaryDirectory(prefix="slackvm-bench-") as folder:
            yield from replay.benchmark(Path(folder))
    if "live" in names:
        yield from live.benchmark()
    if "cluster" in names:
        yield from cluster.benchmark()
    if "sizing" in names:
        yield from sizing.benchmark()


def shown(results: list[Result]) -> Table:
    """Return the results as a table."""
    head = ("benchmark", "best", "of", "pairs from..to", "goal", "limit", "")
    table = Table(*head, box=box.SIMPLE)
    for result in results:
        spread = "" if result.low is None else f"{result.low:.3g}..{result.high:.3g}"
        bounds = ["" if bound is None else f"{bound:g}" for bound in (result.goal, result.limit)]
        value = f"{result.value:.3g} {result.unit}"
        table.add_row(result.name, value, result.absolute, spread, *bounds, result.verdict)
    return table


def main() -> None:
    """Run the benchmarks."""
    parser = ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=BENCHMARKS,
        help="run this group; may be given several times (default: all)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    console = Console(width=180 if not sys.stdout.isatty() else None)
    found = []
    for result in results(options.only or list(BENCHMARKS)):
        console.print(f"{result.name}: {result.value:.3g} {result.unit}", highlight=False)
        found.append(result)
    console.print(shown(found))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([asdict(result) for result in found], indent=1) + "\n")
    sys.exit(any(result.verdict == "FAILED" for result in found))


if __name__ == "__main__":
    main()
