"""Measuring by ratios: two things in turn, the same machine at the same time, medians.

A single time says little on a shared machine; a ratio of two that ran in turn holds.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

CODE = [sys.executable, "-c"]
REPLAY = [sys.executable, "-m", "schedulerlocal", "--topology=epyc-7662"]


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds of CPU and MiB of memory at the peak."""

    cpu_s: float
    peak_mib: float = 0.0


@dataclass(frozen=True)
class Result:
    """One benchmark.

    Attributes:
        name: what is compared with what.
        value: the figure; a ratio, unless `unit` says otherwise.
        unit: unit of the figure.
        goal: what it should be at the most; None where there is no goal.
        limit: above this the benchmark fails.
        low: lowest of the pairs.
        high: highest of the pairs.
        details: the figures behind it.
    """

    name: str
    value: float
    unit: str = "times"
    goal: float | None = None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`ok`, `above goal`, `FAILED`, or nothing where nothing is demanded."""
        if self.limit is not None and self.value > self.limit:
            return "FAILED"
        if self.goal is not None and self.value > self.goal:
            return "above goal"
        return "" if self.goal is None else "ok"


def run(command: Sequence[str]) -> Cost:
    """Run a command and return what the whole process took.

    Raises:
        RuntimeError: it failed.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {errors.decode()}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run_and_ask(code: str) -> Cost:
    """Run Python code that prints the CPU seconds that count, in a process of its own."""
    answer = subprocess.run([*CODE, code], capture_output=True, text=True, check=True)
    return Cost(float(answer.stdout))


def pairs(
    count: int, first: Callable[[], Cost], second: Callable[[], Cost]
) -> tuple[list[Cost], list[Cost]]:
    """Return the costs of `count` runs of each, in turn, after one of each that does not count."""
    first(), second()
    costs = [(first(), second()) for _ in range(count)]
    return [pair[0] for pair in costs], [pair[1] for pair in costs]


def median_cpu(costs: Sequence[Cost]) -> float:
    """Return the median of the CPU seconds."""
    return statistics.median(cost.cpu_s for cost in costs)


def ratio(
    name: str,
    first: Sequence[Cost],
    second: Sequence[Cost],
    goal: float | None = None,
    limit: float | None = None,
) -> Result:
    """Return the median over pairs of the first's CPU time over the second's."""
    ratios = [a.cpu_s / b.cpu_s for a, b in zip(first, second, strict=True)]
    details = {"first_cpu_s": median_cpu(first), "second_cpu_s": median_cpu(second)}
    value = statistics.median(ratios)
    return Result(name, value, "times", goal, limit, min(ratios), max(ratios), details)
