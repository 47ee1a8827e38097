"""What commands import: what takes long to load waits until it is needed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.daemons import Daemon, serving
from traces import Guest, trace

HEAVY = {
    "asyncio",
    "joblib",
    "matplotlib",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "pydantic",
    "requests",
    "rich",
    "scipy",
    "seaborn",
    "structlog",
    "yaml",
}
"""Libraries that take longer to load than Python itself."""

NETWORK = {"pydantic", "requests"}
"""What asking a server takes."""

PROGRAM = """
import sys
from {package}.__main__ import main
sys.argv = {arguments!r}
try:
    main()
finally:
    print(*{{name.partition(".")[0] for name in sys.modules}}, file=sys.stderr)
"""


def loaded(package: str, *arguments: str, **environment: str) -> set[str]:
    """Return the heavy libraries that a command has loaded when it ends."""
    program = PROGRAM.format(package=package, arguments=["command", *arguments])
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return HEAVY & set(result.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with serving(tmp_path_factory.mktemp("host"), "--topology=i7-1185g7") as daemon:
        daemon.deploy("web", 1, 1.0)
        yield daemon


@pytest.mark.parametrize(
    "package", ["schedulerclient", "schedulerlocal", "schedulerglobal", "slackanalysis"]
)
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_need_no_library_but_click(package: str, option: str) -> None:
    assert loaded(package, option) == set()


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show", "web"], ["status"]])
def test_asking_a_server_computes_and_draws_nothing(command: list[str], host: Daemon) -> None:
    assert loaded("schedulerclient", *command, SLACKVM_URL=host.url) == NETWORK


def test_a_replay_neither_draws_nor_loads_pandas(tmp_path: Path) -> None:
    source = tmp_path / "trace.csv"
    source.write_text(trace([Guest("a", 1, 64, 1.0, 0, 0)], [0]))
    options = ("--topology=i7-1185g7", f"--load={source}", f"--output={tmp_path / 'out.csv'}")
    assert loaded("schedulerlocal", *options) == {"numpy", "pyarrow", "pydantic"}


def complete(line: str, **environment: str) -> set[str]:
    """Return what is loaded to complete the last word of a line in bash."""
    words = line.split(" ")
    asked = {
        "_SLACKVM_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    return loaded("schedulerclient", **asked, **environment)


def test_the_name_of_a_command_is_completed_without_any_library() -> None:
    assert complete("slackvm re") == set()


def test_the_name_of_a_vm_is_completed_with_what_asks_the_server(host: Daemon) -> None:
    assert complete("slackvm show w", SLACKVM_URL=host.url) == NETWORK


def test_the_model_gives_its_names_without_loading_all_of_it(tmp_path: Path) -> None:
    program = "import sys; from slackvm.model import VM; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


@pytest.mark.parametrize("package", ["slackvm.model", "slackvm.topologies"])
def test_every_name_of_a_lazy_package_can_be_imported(package: str) -> None:
    module = __import__(package, fromlist=["__all__"])
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = module.Nothing
