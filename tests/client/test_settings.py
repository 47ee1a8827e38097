"""Where the client finds its server, and the command line itself."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client.running import run
from command import slackvm
from live.daemons import Daemon
from schedulerclient.cli import cli
from schedulerclient.session.address import base_url
from slackvm.settings import ClientSettings

DEAD = "http://127.0.0.1:1"


class TestWhereTheServerIs:
    """Options, then the environment, then `.env`, then the controller of this machine."""

    def test_options_override_the_environment_and_files(self, host: Daemon, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"SLACKVM_URL={host.url}\n")
        other = tmp_path / "other.env"
        other.write_text("SLACKVM_URL=http://127.0.0.1:2\n")
        run("", "list")
        assert "127.0.0.1:2 cannot" in run("", "list", "--env-file", str(other), expect=3)[1]
        assert f"{DEAD} cannot" in run(DEAD, "list", "--env-file", str(other), expect=3)[1]
        run(DEAD, "list", f"--url={host.url}")

    @pytest.mark.parametrize("stream", ["1", "2"])
    def test_a_closed_stream_changes_nothing(self, stream: str) -> None:
        command = f"{sys.executable} -m schedulerclient list --url={DEAD} {stream}>&-"
        done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
        assert done.returncode == 3, done.stderr
        assert ("cannot be reached" in done.stderr) == (stream == "1")

    def test_the_controllers_own_settings_give_the_url(self, host: Daemon, tmp_path: Path) -> None:
        port = urlsplit(host.url).port
        (tmp_path / ".env").write_text(f"SCG_URL=0.0.0.0\nSCG_PORT={port}\n")
        run("", "list")

    @pytest.mark.parametrize(
        ("settings", "url"),
        [
            ({}, "http://127.0.0.1:8100"),
            ({"scg_url": "::", "scg_port": 1}, "http://[::1]:1"),
            ({"scg_url": "10.0.0.1", "scg_tls_cert": "c.pem"}, "https://10.0.0.1:8100"),
            ({"slackvm_url": "https://ctl.example/slackvm/"}, "https://ctl.example/slackvm"),
        ],
    )
    def test_settings_give_this_url(self, settings: dict[str, str], url: str) -> None:
        assert base_url(ClientSettings(**settings)) == url

    @pytest.mark.parametrize(
        "url",
        [
            "controller:x",
            "ftp://controller",
            "http://",
            "http://controller:port",
            "http://controller:99999",
            "http://controller?x=1",
            "http://[::1",
            "http://a b",
        ],
    )
    def test_an_invalid_url_is_refused_with_the_format(self, url: str) -> None:
        errors = run(url, "list", expect=2)[1]
        assert f"SLACKVM_URL: {url!r} is not allowed: HOST:PORT, http://HOST:PORT" in errors

    @pytest.mark.parametrize("url", ["http://a..b", "http://*.b", f"http://{'a' * 64}"])
    def test_an_impossible_host_name_is_refused(self, url: str) -> None:
        assert f"SLACKVM_URL: {url!r} is not allowed: " in run(url, "list", expect=2)[1]

    def test_a_password_in_the_url_is_refused_and_not_printed(self) -> None:
        errors = run("http://me:secret@controller", "list", expect=2)[1]
        assert "a token goes in SLACKVM_TOKEN" in errors
        assert "secret" not in errors

    def test_no_proxy_is_asked_for_this_machine(self, host: Daemon) -> None:
        run(host.url, "list", HTTP_PROXY=DEAD, http_proxy=DEAD, ALL_PROXY=DEAD)

    def test_a_proxy_is_asked_for_others(self) -> None:
        errors = run("http://controller.invalid", "list", expect=3, http_proxy=DEAD)[1]
        assert "NO_PROXY" in errors

    def test_options_may_stand_before_the_command(self, host: Daemon) -> None:
        output = run(DEAD, "--url", host.url, "--json", "list")[0]
        assert output == '{"vms": []}\n'


class TestUsage:
    """Help, version, bad usage."""

    def test_every_command_has_help_with_examples(self) -> None:
        for name in ("", *cli.commands, "hosts add", "hosts forget", "hosts label"):
            output = run("", *name.split(), "--help")[0]
            assert "Examples:" in output, name
            assert f"  slackvm {name}" in output or "slackvm completion bash" in output

    def test_version_is_printed(self) -> None:
        assert slackvm("--version").stdout.startswith("slackvm, version ")

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ("deploy web --memory=1 --image=/a", "Missing option '--vcpus'"),
            ("deploy web --vcpus=0 --memory=1 --image=/a", "'--vcpus': '0' is not allowed"),
            ("deploy web --vcpus=1_0 --memory=1 --image=/a", "a whole number is needed"),
            ("deploy web --vcpus=1 --memory=nan --image=/a", "a finite number is needed"),
            (
                "deploy web --vcpus=1 --memory=1 --image=/a --level=0.9",
                "greater than or equal to 1",
            ),
            ("deploy web --vcpus=1 --memory=1 --image=/a --level=1.0001", "three decimals"),
            ("deploy web --vcpus=1 --memory=1 --image=/a --count=0", "'--count': '0'"),
            (
                "deploy web --vcpus=1 --memory=1 --image=",
                "image: '' is not allowed",
            ),
            ("list --label=app", "'--label': 'app' is not a label; a label is written key=value"),
            ("list --label=", "'--label': '' is not a label; a label is written key=value"),
            ("deploy web --vcpus=1 --memory=1 --image=/a --label=_=1", "'_' is not a label's key"),
            ("plan --vcpus=1 --memory=1 --require=a=!", "'!' is not a value of the label a"),
            ("plan --vcpus=1 --memory=1 --label=a=1 --label=a=2", "the label a is given twice"),
            ("hosts label host1 rack", "'rack' is not a label; a label is written key=value"),
            ("hosts label host1 rack- rack=b", "the label rack is given twice"),
            (f"list --search={'x' * 101}", "search: String should have at most"),
            (f"hosts add {'x' * 301}", "url: String should have at most"),
            (f"capacity {'--mix=1:1:1 ' * 101}", "mix: List should have at most"),
            ("capacity --mix=2:4", "the format is VCPUS:GIB:LEVEL[@SHARE]"),
            ("capacity --mix=2:4:0.5", "'2:4:0.5' is not allowed: level: "),
            ("capacity --mix=2:4:1@0", "share: Input should be greater than 0"),
            ("capacity --mix=2:4:1 --host=32@128", "the format is CPUS:GIB"),
            ("capacity --mix=2:4:1 --count=3", "--count and --host go together"),
            ("list --timeout=0", "'--timeout': 0 is not in the range"),
            ("list --env-file=none", "--env-file: there is no file none"),
            ("completion tcsh", "'bash', 'zsh', 'fish'"),
        ],
    )
    def test_bad_usage_names_the_value_and_what_is_allowed(
        self, arguments: str, reason: str
    ) -> None:
        assert reason in run(DEAD, *arguments.split(), expect=2)[1]

    def test_a_missing_library_is_reported_with_the_extra_that_brings_it(self) -> None:
        program = (
            "import sys; sys.modules['requests'] = None; sys.argv[1:] = ['list']; "
            "from schedulerclient.__main__ import main; main()"
        )
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert result.returncode == 1
        assert (
            result.stderr == "slackvm: requests is not installed: pip install 'slackvm[client]'\n"
        )
