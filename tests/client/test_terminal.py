"""Output on a terminal and in a pipe; completion by bash."""

import os
import pty
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from client.running import run
from clusters.processes import Controller
from clusters.wire import Wire
from live.daemons import Daemon

COMMAND = [sys.executable, "-m", "schedulerclient"]
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_a_terminal(host: Daemon | Controller, *arguments: str, **environment: str) -> str:
    """Return all that comes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    settings = {"SLACKVM_URL": host.url, "TERM": "xterm", "COLUMNS": "80", **environment}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=theirs, stderr=theirs, env={**os.environ, **settings}
    ) as process:
        os.close(theirs)
        seen = b""
        # Reading fails when the other side is closed.
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:
            os.close(ours)
        assert process.wait(60) == 0, seen
    return seen.decode()


class TestTerminals:
    """Colours, lines, and that something is awaited."""

    def test_a_table_has_lines_and_colours(self, host: Daemon) -> None:
        host.deploy("web", 1, 1.0)
        seen = on_a_terminal(host, "list")
        assert "\x1b[32mrunning" in seen
        assert "───" in seen

    def test_a_bar_is_shown_while_a_request_takes_long_and_wiped_away(self, host: Daemon) -> None:
        with closing(Wire(host.url)) as wire:
            wire.on("GET /v1/vms", "delay")
            seen = on_a_terminal(host, "list", SLACKVM_URL=wire.url)
        assert "waiting for an answer" in seen
        assert seen.rindex("\x1b[2K") > seen.rindex("waiting")
        assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")

    @pytest.mark.parametrize("width", [60, 80, 120])
    @pytest.mark.parametrize("command", ["list", "hosts", "status"])
    def test_names_numbers_and_urls_are_never_folded(
        self, controller: Controller, width: int, command: str
    ) -> None:
        """A narrow terminal shows fewer columns, and says which it leaves out."""
        controller.deploy("a-rather-long-name-of-a-vm", 1, 1.5)
        narrow = on_a_terminal(controller, command, COLUMNS=str(width), NO_COLOR="1")
        table, _, left_out = narrow.partition("No room for ")
        assert max(map(len, table.splitlines())) <= width
        spared = {"list": (), "hosts": ("VERSION", "URL"), "status": ("GIB/CPU", "IDEAL")}[command]
        assert all((name in table) != (name in left_out) for name in spared)
        wide = on_a_terminal(controller, command, "--wide", COLUMNS=str(width), NO_COLOR="1")
        assert "No room" not in wide
        whole = {line.split()[0] for line in wide.splitlines() if line.strip()}
        assert {line.split()[0] for line in table.splitlines() if line.strip()} <= whole | {"No"}

    def test_without_colours_where_that_is_wished(self, host: Daemon) -> None:
        host.deploy("web", 1, 1.0)
        seen = on_a_terminal(host, "list", NO_COLOR="1")
        assert "running" in seen
        assert "\x1b[32m" not in seen

    def test_a_long_cell_is_folded_and_not_cut(self, host: Daemon) -> None:
        host.deploy("web", 1, 1.0, image="/images/" + "x" * 200)
        seen = CODES.sub("", on_a_terminal(host, "show", "web"))
        assert seen.count("x") == 200
        assert "…" not in seen

    def test_many_deploys_fill_a_bar(self, host: Daemon) -> None:
        arguments = ("deploy", "n", "--vcpus=1", "--memory=1", "--image=/any", "--count=3")
        with closing(Wire(host.url)) as wire:
            wire.on("POST /v1/vms", "delay")
            seen = on_a_terminal(host, *arguments, SLACKVM_URL=wire.url)
        lines = [line for line in CODES.sub("", seen).splitlines() if "is running" in line]
        assert len(lines) == 3
        assert "━" in seen


class TestPipes:
    """Words only, whole, one row a line."""

    def test_nothing_but_words(self, host: Daemon) -> None:
        host.deploy("web", 1, 1.0, image="/images/" + "x" * 200)
        for arguments in (["list"], ["status"], ["show", "web"], ["hosts", "--help"]):
            output, errors = run(host.url, *arguments)
            assert output.isascii()
            assert "\x1b" not in output
            assert not any(line.endswith(" ") for line in output.splitlines())
            assert errors == ""
        shown = piped(host, "show", "web")
        assert "x" * 200 in shown.stdout
        assert shown.stderr == ""

    def test_a_locale_that_lacks_a_letter_is_no_failure(self, host: Daemon) -> None:
        host.deploy("web", 1, 1.0, image="/images/→.qcow2")
        shown = piped(host, "show", "web", PYTHONIOENCODING="latin-1")
        assert r"/images/\u2192.qcow2" in shown.stdout

    def test_a_closed_pipe_is_not_an_error(self, host: Daemon) -> None:
        for name in ("a", "b"):
            host.deploy(name, 1, 1.0)
        command = f"{sys.executable} -m schedulerclient list | true"
        result = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "SLACKVM_URL": host.url},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stderr == ""

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
    @pytest.mark.parametrize("form", ["list", "--help"])
    def test_a_full_disk_is_reported(self, host: Daemon, form: str) -> None:
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(
                [*COMMAND, "--url", host.url, form],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert result.returncode == 1
        assert result.stderr == "Error: stdout: No space left on device\n"


def piped(
    host: Daemon | Controller, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, "SLACKVM_URL": host.url, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


class TestCompletion:
    """Sourced by a real shell, which then asks it."""

    ASK = """
    source <(slackvm completion bash)
    complete -p slackvm > /dev/null
    ask() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _slackvm_completion slackvm
        echo "${COMPREPLY[*]}"
    }
    """

    def bash(self, *lines: str) -> list[str]:
        """Return what completes each line, which bash has split already."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = "\n".join([self.ASK, *(f"ask {line}" for line in lines)])
        result = subprocess.run(
            ["bash", "-euc", script],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stderr == ""
        return result.stdout.splitlines()

    def test_commands_options_and_names(
        self, host: Daemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("web-1", "web-2", "db"):
            host.deploy(name, 1, 1.0)
        monkeypatch.setenv("SLACKVM_URL", host.url)
        assert self.bash(
            "slackvm re", "slackvm list --se", "slackvm remove web-1 w", "slackvm show d"
        ) == ["rebuild remove restart", "--search", "web-2", "db"]

    def test_the_file_of_the_folder_is_read_only_if_it_is_named(
        self, host: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A press of TAB in a folder of another user asks no server that its file names."""
        host.deploy("web", 1, 1.0)
        monkeypatch.setenv("SCG_PORT", "1")
        (tmp_path / ".env").write_text(f"SLACKVM_URL={host.url}\n")
        assert self.bash("slackvm show w", "slackvm show --env-file .env w") == ["", "web"]

    def test_hosts_from_a_controller(self, controller: Controller) -> None:
        [names] = self.bash(f"slackvm cordon --url {controller.url} ''")
        assert set(names.split()) == {"host0", "host1", "host2"}

    def test_nothing_where_nothing_can_be_known(self, host: Daemon) -> None:
        assert self.bash(
            f"slackvm --url {host.url} uncordon ''",
            "slackvm --url http://127.0.0.1:1 show ''",
            "slackvm --url nonsense show ''",
        ) == ["", "", ""]

    @pytest.mark.parametrize(
        ("shell", "begins"), [("zsh", "#compdef slackvm"), ("fish", "function")]
    )
    def test_other_shells_get_their_scripts(self, shell: str, begins: str) -> None:
        assert run("", "completion", shell)[0].startswith(begins)
