"""Measuring: two things in turn, on the same machine at the same time; the best of each counts.

A single time says little on a shared machine. The ratio of two that ran in turn holds, if it is
made of user time, for system time swings with what the kernel does for others, and of the best
runs, for everything that disturbs a run makes it longer. The absolute figures stand beside it.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

CODE = [sys.executable, "-c"]
REPLAY = [sys.executable, "-m", "schedulerlocal", "--topology=epyc-7662"]


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes:
        seconds: of user time; where most of it passes in other processes, of the clock.
        peak_mib: memory at the peak.
        cpu_s: seconds of user and system time.
    """

    seconds: float
    peak_mib: float = 0.0
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Result:
    """One benchmark.

    Attributes:
        name: what is measured, or what is compared with what.
        value: the figure; a ratio, unless `unit` says otherwise.
        unit: unit of the figure.
        goal: what it should be at the most; None where there is no goal.
        limit: above this the benchmark fails.
        low: lowest of the pairs.
        high: highest of the pairs.
        absolute: the figures that a ratio is made of, for people.
        details: the figures behind it, for programs.
    """

    name: str
    value: float
    unit: str = "times"
    goal: float | None = None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    absolute: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`ok`, `above goal`, `FAILED`, or nothing where nothing is demanded."""
        if self.limit is not None and self.value > self.limit:
            return "FAILED"
        if self.goal is not None and self.value > self.goal:
            return "above goal"
        return "" if self.goal is None else "ok"


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command and return what the whole process took, with the children it waited for.

    Raises:
        RuntimeError: it failed.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    ) as process:
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {errors.decode()}")
    return Cost(usage.ru_utime, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def run_and_ask(code: str) -> Cost:
    """Run Python code that prints the seconds that count, in a process of its own."""
    answer = subprocess.run([*CODE, code], capture_output=True, text=True, check=True)
    return Cost(float(answer.stdout))


def timed(work: Callable[[], object], count: int = 1) -> Cost:
    """Return the time by the clock of `work`, for what passes in other processes.

    Args:
        work: is done `count` times.
        count: what the time is divided by.
    """
    begin = time.perf_counter()
    for _ in range(count):
        work()
    return Cost((time.perf_counter() - begin) / count)


def user_s() -> float:
    """Return the seconds of user time that this process took so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def pairs(
    count: int, first: Callable[[], Cost], second: Callable[[], Cost]
) -> tuple[list[Cost], list[Cost]]:
    """Return the costs of `count` runs of each, in turn, after one of each that does not count."""
    first(), second()
    costs = [(first(), second()) for _ in range(count)]
    return [pair[0] for pair in costs], [pair[1] for pair in costs]


def best(costs: Sequence[Cost]) -> float:
    """Return the seconds of the best run."""
    return min(cost.seconds for cost in costs)


def ratio(
    name: str,
    first: Sequence[Cost],
    second: Sequence[Cost],
    goal: float | None = None,
    limit: float | None = None,
) -> Result:
    """Return the first's best run over the second's."""
    ratios = [a.seconds / b.seconds for a, b in zip(first, second, strict=True)]
    ours, other = best(first), best(second)
    return Result(
        name,
        ours / other,
        "times",
        goal,
        limit,
        min(ratios),
        max(ratios),
        f"{shown(ours)} / {shown(other)}",
        {"first_s": ours, "second_s": other},
    )


def shown(seconds: float) -> str:
    """Return a time as people read it."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
