"""Tokens and TLS certificates, of the client and of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Authority
from client.impostor import answering, ok
from client.running import run
from command import slackvm
from live.daemons import Daemon, serving

FULL = "the-full-token-of-this-host"
READ = "the-read-token-of-this-host"
WRONG = "not-a-token-of-this-host"
DEPLOY = ("deploy", "web", "--vcpus=1", "--memory=1", "--image=/any")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A host that wants tokens."""
    folder = tmp_path_factory.mktemp("guarded")
    tokens = {"SCL_TOKEN": FULL, "SCL_READ_TOKEN": READ}
    with serving(folder, "--topology=i7-1185g7", **tokens) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture(scope="module")
def secured(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A host that shows a certificate of our CA, and demands one."""
    certificate, key = ours.issue("127.0.0.1")
    files = {
        "SCL_TLS_CERT": str(certificate),
        "SCL_TLS_KEY": str(key),
        "SCL_TLS_CA": str(ours.certificate),
    }
    with serving(tmp_path_factory.mktemp("secured"), "--topology=i7-1185g7", **files) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def files(ours: Authority) -> dict[str, str]:
    certificate, key = ours.issue("client.example")
    return {
        "SLACKVM_TLS_CA": str(ours.certificate),
        "SLACKVM_TLS_CERT": str(certificate),
        "SLACKVM_TLS_KEY": str(key),
    }


class TestTokens:
    """From SLACKVM_TOKEN, else the controller's own."""

    def test_none(self, guarded: Daemon) -> None:
        errors = run(guarded.url, "list", expect=1)[1]
        assert "(unauthorized): set SLACKVM_TOKEN, in the environment or in .env" in errors

    @pytest.mark.parametrize("name", ["SLACKVM_TOKEN", "SCG_TOKEN", "SCG_READ_TOKEN"])
    def test_a_wrong_one_is_named(self, guarded: Daemon, name: str) -> None:
        errors = run(guarded.url, "list", expect=1, **{name: WRONG})[1]
        assert f"the value of {name} is not valid there; set SLACKVM_TOKEN" in errors
        assert WRONG not in errors

    def test_one_for_reading_reads(self, guarded: Daemon) -> None:
        run(guarded.url, "list", SLACKVM_TOKEN=READ)
        errors = run(guarded.url, *DEPLOY, expect=1, SCG_READ_TOKEN=READ)[1]
        assert "this token has the role read; deploy is needed (forbidden)" in errors
        assert "the value of SCG_READ_TOKEN does not allow this" in errors

    def test_one_for_all_names_ends_at_the_first(self, guarded: Daemon) -> None:
        errors = run(guarded.url, "remove", "a", "b", "c", expect=1, SLACKVM_TOKEN=READ)[1]
        assert errors.count("deploy is needed") == 1

    def test_the_clients_own_comes_first(self, guarded: Daemon) -> None:
        tokens = {"SLACKVM_TOKEN": FULL, "SCG_TOKEN": WRONG, "SCG_READ_TOKEN": WRONG}
        run(guarded.url, *DEPLOY, **tokens)
        assert run(guarded.url, "remove", "web", **tokens)[0] == "web is removed\n"

    def test_it_is_never_printed(self, guarded: Daemon) -> None:
        result = slackvm("list", "--verbose", SLACKVM_URL=guarded.url, SLACKVM_TOKEN=FULL)
        assert f"GET {guarded.url}/v1/vms: 200 in " in result.stderr
        assert FULL not in result.stdout + result.stderr

    def test_an_invalid_token_is_refused_without_printing_it(self) -> None:
        errors = run("", "list", expect=2, SLACKVM_TOKEN="short and bad")[1]  # noqa: S106 - none
        assert "SLACKVM_TOKEN: the value is not allowed: a token has 16 or more" in errors
        assert "short and bad" not in errors

    def test_netrc_is_ignored(self, tmp_path: Path) -> None:
        """A password that requests finds there would replace the token."""
        (tmp_path / ".netrc").write_text("default login user password secret\n")
        with answering(ok({"vms": []})) as server:
            for token in ("", FULL):
                slackvm("list", f"--url={server.url}", HOME=str(tmp_path), SLACKVM_TOKEN=token)
            without, with_token = server.requests
        assert "Authorization" not in without
        assert f"Authorization: Bearer {FULL}" in with_token


class TestSourceOfTheServer:
    """Another user may have written the `.env` of the current folder."""

    REFUSED = "slackvm sends a token only to the server that the same source names"

    @pytest.mark.parametrize("name", ["SLACKVM_TOKEN", "SCG_TOKEN", "SCG_READ_TOKEN"])
    def test_a_token_of_the_environment_does_not_go_to_a_server_of_the_folder(
        self, name: str, tmp_path: Path
    ) -> None:
        with answering(ok({"vms": []})) as server:
            port = server.url.rpartition(":")[2]
            for line in (f"SLACKVM_URL={server.url}", f"SCG_PORT={port}"):
                (tmp_path / ".env").write_text(f"{line}\n")
                errors = run("", "list", expect=2, **{name: FULL})[1]
                assert f"{name} is from the environment, but the server {server.url}" in errors
                assert "is from ./.env" in errors
                assert self.REFUSED in errors
                assert FULL not in errors
            assert server.requests == []

    def test_a_token_of_the_folder_does_not_go_to_another_server(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"SLACKVM_URL=http://127.0.0.1:1\nSLACKVM_TOKEN={FULL}\n")
        with answering(ok({"vms": []})) as server:
            for url, arguments in ((server.url, ()), ("", ("--url", server.url))):
                errors = run(url, "list", *arguments, expect=2)[1]
                assert "SLACKVM_TOKEN is from ./.env" in errors
                assert "--url or the environment" in errors
                assert self.REFUSED in errors
            assert server.requests == []

    def test_a_ca_of_the_folder_does_not_vouch_for_the_server(
        self, ours: Authority, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text(f"SLACKVM_TLS_CA={ours.certificate}\n")
        errors = run("https://127.0.0.1:1", "list", expect=2, SLACKVM_TOKEN=FULL)[1]
        assert self.REFUSED in errors

    def test_one_source_may_name_both(self, guarded: Daemon, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"SLACKVM_URL={guarded.url}\nSLACKVM_TOKEN={FULL}\n")
        run("", "list")
        run("", "list", SLACKVM_TOKEN=FULL)
        run(guarded.url, "list")
        run(guarded.url, "list", SLACKVM_TOKEN=FULL)
        run("", "list", "--url", guarded.url, SLACKVM_TOKEN=FULL)

    def test_a_folder_without_a_server_changes_nothing(
        self, guarded: Daemon, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("SCL_DELAY=5\nSLACKVM_URL=\n")
        run(guarded.url, "list", SLACKVM_TOKEN=FULL)

    def test_a_file_that_the_user_names_is_trusted(self, guarded: Daemon, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"SLACKVM_URL={guarded.url}\n")
        run("", "list", "--env-file=.env", SLACKVM_TOKEN=FULL)


class TestTls:
    """A CA of one's own."""

    def test_both_sides_show_one(self, secured: Daemon, files: dict[str, str]) -> None:
        assert secured.url.startswith("https://")
        # requests would let the environment win.
        files = {**files, "REQUESTS_CA_BUNDLE": "/nowhere", "CURL_CA_BUNDLE": "/nowhere"}
        run(secured.url, *DEPLOY, **files)
        run(secured.url, "remove", "web", **files)

    def test_a_server_of_an_unknown_ca_is_not_trusted(
        self, secured: Daemon, files: dict[str, str], tmp_path: Path
    ) -> None:
        for authority in ("", str(Authority(tmp_path / "other").certificate)):
            changed = {**files, "SLACKVM_TLS_CA": authority}
            errors = run(secured.url, "list", expect=3, **changed)[1]
            assert "cannot be reached" in errors
            assert "CERTIFICATE_VERIFY_FAILED" in errors
            assert "SLACKVM_TLS_CA names the CA" in errors

    def test_a_server_of_another_name_is_not_trusted(
        self, secured: Daemon, files: dict[str, str]
    ) -> None:
        url = secured.url.replace("127.0.0.1", "localhost")
        assert "SLACKVM_TLS_CA" in run(url, "list", expect=3, **files)[1]

    def test_a_missing_client_certificate_is_explained(
        self, secured: Daemon, files: dict[str, str]
    ) -> None:
        errors = run(secured.url, "list", expect=3, SLACKVM_TLS_CA=files["SLACKVM_TLS_CA"])[1]
        assert "SLACKVM_TLS_KEY are for a server that requires a client certificate" in errors

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("SLACKVM_TLS_CA", "/nowhere/ca.pem", "there is no file /nowhere/ca.pem"),
            ("SLACKVM_TLS_CA", __file__, "not a file of certificates"),
            ("SLACKVM_TLS_KEY", "", "go together"),
            ("SLACKVM_TLS_KEY", __file__, "not a certificate with its key"),
            ("SLACKVM_TLS_CERT", "/nowhere/cert.pem", "there is no file /nowhere/cert.pem"),
        ],
    )
    def test_files_that_cannot_be_used_are_named(
        self, files: dict[str, str], name: str, value: str, reason: str
    ) -> None:
        errors = run("https://127.0.0.1:1", "list", expect=2, **{**files, name: value})[1]
        assert name in errors
        assert reason in errors
