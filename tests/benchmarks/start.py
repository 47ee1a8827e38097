"""The cost of starting a command, before it does anything."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import CODE, Result, pairs, run
from live.daemons import serving

PAIRS = 7
COMMANDS = {
    "slackvm --help": ("schedulerclient", "--help", 0.15),
    "slackvm list": ("schedulerclient", "list", 0.2),
    "slackvm-local --help": ("schedulerlocal", "--help", 0.15),
    "slackvm-analysis --help": ("slackanalysis", "--help", 0.15),
}
"""The package of each command, its argument, and its goal in seconds of CPU."""

BARE = "import click"
"""What every command imports."""


def benchmark() -> Iterator[Result]:
    """Measure commands, `list` on a host with one VM, beside Python that imports click."""
    with (
        tempfile.TemporaryDirectory(prefix="slackvm-bench-") as folder,
        serving(Path(folder), "--topology=epyc-7662") as daemon,
    ):
        assert daemon.deploy("web", 1, 1.0).status_code == 201
        settings = {"SLACKVM_URL": daemon.url}
        for name, (package, argument, goal) in COMMANDS.items():
            command = [sys.executable, "-m", package, argument]
            ours, bare = pairs(
                PAIRS,
                lambda command=command: run(command, settings),  # type: ignore[misc]
                lambda: run([*CODE, BARE]),
            )
            own, other = (min(cost.cpu_s for cost in costs) for costs in (ours, bare))
            yield Result(
                name,
                own,
                "s of CPU",
                goal=goal,
                absolute=f"python -c '{BARE}': {other:.3f} s",
                details={"cpu_s": own, "python_and_click_cpu_s": other},
            )
