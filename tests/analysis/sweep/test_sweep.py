"""Sweeps: every combination once, whatever interrupts them, wherever they are computed."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from click.testing import CliRunner, Result

from slackanalysis.commands.cli import cli
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sweep.cells import PAPER_MIXES, cells_of, sweep
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.temporality import Temporality

CELLS = [
    *("--vms", "20", "--mix", "50-0-50", "--mix", "0-50-50", "--seeds", "1-6"),
    *("--policy", "first-fit", "--policy", "progress"),
]
COUNT = 2 * 2 * 6 * 2
"""Catalogues, mixes, seeds, policies."""

PATIENCE_S = 300


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "slackanalysis", "sweep", *map(str, arguments)]


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a sweep in one process, all at once."""
    output = tmp_path_factory.mktemp("sweep") / "table.parquet"
    result = run("sweep", *CELLS, "--output", output, "--jobs", 1)
    assert result.exit_code == 0, result.output
    return output


def kept(output: Path) -> dict[str, int]:
    """Return the cells that are kept, and when each was written."""
    folder = output.with_name(f"{output.name}.cells")
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}


def test_the_published_mixes_are_the_fifteen_of_the_table() -> None:
    assert len(PAPER_MIXES) == 15
    assert {"100-0-0", "50-25-25", "0-75-25", "0-0-100"} < set(PAPER_MIXES)


def test_there_is_a_row_for_every_combination(uninterrupted: Path) -> None:
    table = pd.read_parquet(uninterrupted)
    assert list(table)[:6] == ["provider", "mix", "vms", "seed", "policy", "hosts_shared"]
    which = table[["provider", "mix", "vms", "seed", "policy"]]
    assert len(which.drop_duplicates()) == len(table) == COUNT
    assert table["policy"].tolist()[:3] == ["first-fit", "progress", "first-fit"]
    assert table["seed"].tolist()[:3] == [1, 1, 2]


def test_a_cell_is_what_size_says_of_the_same_requests(uninterrupted: Path, tmp_path: Path) -> None:
    requests, hosts = tmp_path / "requests.csv", tmp_path / "hosts.csv"
    run("workload", "--requests", requests, "--vms", 20, "--mix", "50-0-50", "--seed", 3)
    run("size", requests, "--output", hosts, "--policy", "first-fit")
    alone = pd.read_csv(hosts)
    table = pd.read_parquet(uninterrupted).query(
        "provider == 'ovhcloud2023' and mix == '50-0-50' and seed == 3 and policy == 'first-fit'"
    )
    for name in alone.columns:
        assert table[name].tolist() == alone[name].tolist()


def test_the_same_command_again_computes_nothing(uninterrupted: Path) -> None:
    before, cells = uninterrupted.read_bytes(), kept(uninterrupted)
    assert len(cells) == COUNT
    assert run("sweep", *CELLS, "--output", uninterrupted, "--jobs", 1).exit_code == 0
    assert kept(uninterrupted) == cells
    assert uninterrupted.read_bytes() == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_sweep_that_was_ended_goes_on_where_it_was(
    uninterrupted: Path, tmp_path: Path, how: signal.Signals
) -> None:
    output = tmp_path / "table.parquet"
    arguments = [*CELLS, "--output", output, "--jobs", 2]
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(kept(output)) >= 3)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        _, message = process.communicate(timeout=PATIENCE_S)
    if how == signal.SIGKILL:
        for worker in workers:
            with suppress(psutil.NoSuchProcess):  # some end by themselves with the others
                worker.kill()
    psutil.wait_procs(workers, PATIENCE_S)
    assert process.returncode != 0
    if how == signal.SIGINT:
        assert f"cells are in {output}.cells, and the same command goes on from there" in message
    assert not output.exists()
    before = kept(output)
    assert 3 <= len(before) < COUNT, "it was ended in the middle"
    subprocess.run(command(*arguments), check=True, capture_output=True)
    after = kept(output)
    assert {name: after[name] for name in before} == before, "nothing is computed twice"
    assert output.read_bytes() == uninterrupted.read_bytes()


def test_a_damaged_cell_is_computed_again(uninterrupted: Path, tmp_path: Path) -> None:
    output = tmp_path / "table.parquet"
    folder = tmp_path / "cells"
    arguments = ["sweep", *CELLS, "--output", output, "--cells", folder, "--jobs", 1]
    run(*arguments)
    first, second, third, *_ = sorted(folder.iterdir())
    first.write_text("")
    second.write_text(third.read_text()[:-5])
    third.write_text(json.dumps({"policy": "progress"}))
    output.unlink()
    assert run(*arguments).exit_code == 0
    assert output.read_bytes() == uninterrupted.read_bytes()


def names(**changes: object) -> set[str]:
    arguments: dict[str, object] = {
        "catalogues": [CATALOGUES["azure2017"]],
        "mixes": [parse_mix("50-0-50")],
        "vms": [20],
        "seeds": [1],
        "policies": ["first-fit"],
        "temporality": Temporality(),
        "size": HostSize(32, 131_072),
    }
    return {cell.file_name for cell in cells_of(**(arguments | changes))}


def test_a_cell_is_another_one_when_anything_about_it_is() -> None:
    first = CATALOGUES["azure2017"]
    changes = [
        {},
        {"catalogues": [type(first)(first.name, first.flavours[1:], first.daily_of_500)]},
        {"catalogues": [CATALOGUES["ovhcloud2023"]]},
        {"mixes": [parse_mix("50-25-25")]},
        {"vms": [21]},
        {"seeds": [2]},
        {"policies": ["progress"]},
        {"temporality": Temporality(days=6)},
        {"size": HostSize(32, 131_071)},
    ]
    assert len(set.union(*(names(**change) for change in changes))) == len(changes)


def test_a_policy_of_the_users_own_is_another_one_when_its_file_is(tmp_path: Path) -> None:
    """In a process each, because a module is loaded only once."""
    script = (
        "from slackanalysis.sweep.cells import *;"
        "from slackanalysis.sizing.hosts import HostSize;"
        "from slackanalysis.workload.catalogue import CATALOGUES;"
        "print(Cell(Demand(CATALOGUES['azure2017']), HostSize(4, 4), 'own_spread:own').file_name)"
    )
    found = []
    for text in ("-candidates.owned_cpus", "-candidates.owned_cpus", "-candidates.cpus_free"):
        module = f"def own(candidates):\n    return {text}.astype(float)\n"
        (tmp_path / "own_spread.py").write_text(module)
        message = [sys.executable, "-B", "-c", script]
        found.append(subprocess.run(message, capture_output=True, cwd=tmp_path, check=True).stdout)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "5-1"], "seeds '5-1' are not allowed: a number, or first and last as in 1-20"),
        (["--seeds", "many"], "seeds 'many' are not allowed"),
        (["--mix", "50-50"], "mix '50-50' is not allowed"),
        (["--catalogue", "aws"], "catalogue 'aws' is unknown"),
        (["--vms", "0"], "number of VMs 0 is not allowed"),
        (["--policy", "best"], "'best' is unknown"),
        (["--temporality", "1"], "temporality '1' is not allowed"),
        (["--host-cpus", "8"], "needs 16 CPUs, a host has 8"),
        (["--jobs", "0"], "0 is not in the range x>=1"),
        (["--seeds", "1-999999999"], "1,999,999,998 clusters are not allowed: 1,000,000 at most"),
    ],
)
def test_errors_are_reported_and_no_table_is_written(
    tmp_path: Path, options: list[str], message: str
) -> None:
    output = tmp_path / "table.parquet"
    mix = [] if options[0] == "--mix" else ["--mix", "50-0-50"]
    result = run("sweep", "--vms", 40, *mix, "--jobs", 1, "--output", output, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not output.exists()


def test_too_little_memory_is_reported_in_one_line(tmp_path: Path) -> None:
    output = tmp_path / "table.parquet"
    result = run("sweep", "--vms", 10**12, "--mix", "50-0-50", "--jobs", 1, "--output", output)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: not enough memory (Unable to allocate 7.28 TiB")
    assert result.stderr.count("\n") == 1
    assert not output.exists()


def test_a_policy_that_fails_in_another_process_is_reported(tmp_path: Path) -> None:
    (tmp_path / "nan_score.py").write_text(
        "import numpy\n\ndef never(candidates):\n    return candidates.cpus * numpy.nan\n"
    )
    options = ["--policy", "nan_score:never", "--vms", "20", "--jobs", "2", "--output", "t.csv"]
    result = subprocess.run(
        command(*options), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert result.returncode == 2
    assert result.stderr == (
        "Error: policy nan_score:never: the policy's score of host host0 is not a number\n"
    )


@pytest.fixture
def dask_scheduler(tmp_path: Path) -> Iterator[str]:
    """A scheduler and two workers, processes of their own, on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    host, port = address.split(":")
    worker = [*dask, "worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard"]
    worker += ["--host", host]
    commands = [
        [*dask, "scheduler", "--host", host, "--port", port, "--no-dashboard"],
        *[
            [*worker, "--name", name, "--local-directory", str(tmp_path / name)]
            for name in ("one", "two")
        ],
    ]
    processes = [
        subprocess.Popen(each, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for each in commands
    ]
    try:
        yield f"tcp://{address}"
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)


def test_dask_workers_compute_the_same_bytes(
    uninterrupted: Path, tmp_path: Path, dask_scheduler: str
) -> None:
    output = tmp_path / "table.parquet"
    result = subprocess.run(
        command(*CELLS, "--output", output, "--dask", dask_scheduler),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert output.read_bytes() == uninterrupted.read_bytes()


def test_a_scheduler_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    result = subprocess.run(
        command(*CELLS, "--output", tmp_path / "table.parquet", "--dask", address),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 3
    assert f"--dask {address}: no scheduler answers" in result.stderr


def test_without_dask_the_extra_that_brings_it_is_reported(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['distributed'] = None;"
        "from slackanalysis.__main__ import main;"
        "sys.argv[1:] = ['sweep', '--output', sys.argv[1], '--dask', 'tcp://127.0.0.1:1']; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "table.parquet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "distributed is not installed: pip install 'slackvm[distributed]'" in result.stderr


def test_help_has_examples() -> None:
    assert "slackvm-analysis sweep --output paper.parquet" in run("sweep", "--help").stdout


def test_cells_are_computed_once_each_without_the_command(tmp_path: Path) -> None:
    """The function behind it tells how many are done."""
    cells = cells_of(
        [CATALOGUES["azure2017"]],
        [parse_mix("50-0-50")],
        [20],
        range(3),
        ["first-fit"],
        Temporality(),
        HostSize(32, 131_072),
    )
    message: list[int] = []
    sweep(cells[:2], tmp_path, jobs=1)
    sweep(cells, tmp_path, jobs=1, progress=message.append)
    assert message == [2, 1]
