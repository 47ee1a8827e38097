"""`slackvm token`: the file of named tokens."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from client.running import run
from slackvm.tokens.token_file import NamedToken, hash_of, read_tokens

DAY_S = 86400.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def token(file: Path, *arguments: str, expect: int = 0) -> tuple[str, str]:
    return run("", "token", *arguments, "--file", str(file), expect=expect)


def kept_of(file: Path, name: str) -> NamedToken:
    [found] = [each for each in read_tokens(file).tokens if each.name == name]
    return found


def secrets_of(file: Path, name: str) -> list[Any]:
    return kept_of(file, name).secrets


def test_without_a_command_it_prints_a_token() -> None:
    first, second = run("", "token")[0], run("", "token")[0]
    assert first != second
    assert len(first.strip()) > 40
    assert first.strip().isprintable()


def test_a_token_is_printed_once_and_kept_as_a_hash(file: Path) -> None:
    output, notes = token(file, "create", "ci", "--role", "deploy", "--expires", "90d")
    text = output.strip()
    assert text not in file.read_text()
    assert text not in notes
    [secret] = secrets_of(file, "ci")
    assert secret.sha256 == hash_of(text.encode())
    assert abs(secret.expires - time.time() - 90 * DAY_S) < DAY_S
    assert file.stat().st_mode & 0o777 == 0o600
    listed = token(file, "list")[0]
    assert "ci" in listed
    assert secret.sha256 not in listed
    assert secret.sha256 not in token(file, "list", "--json")[0]


def test_limits_are_kept_and_listed(file: Path) -> None:
    limits = ("--vcpus=8", "--memory=16", "--vms=4", "--level=2", "--level=3")
    places = ("--image-folder=/srv/a", "--require=rack=b")
    token(file, "create", "ci", "--role=deploy", *limits, *places)
    kept = kept_of(file, "ci").limits
    assert (kept.vcpus, kept.memory_gib, kept.vms, kept.levels) == (8, 16.0, 4, [2.0, 3.0])
    assert (kept.image_folders, kept.require) == (["/srv/a"], {"rack": "b"})
    assert "8 vCPUs, 16 GiB, 4 VMs, levels 2 3, /srv/a, rack=b" in token(file, "list")[0]


def test_a_rotation_leaves_two_valid_tokens_and_not_three(file: Path) -> None:
    token(file, "create", "ci", "--role=read", "--expires=90d")
    before = secrets_of(file, "ci")[0]
    output = token(file, "rotate", "ci", "--grace=2h")[0]
    old, new = secrets_of(file, "ci")
    assert old.sha256 == before.sha256
    assert abs(old.expires - time.time() - 7200) < 600
    assert new.sha256 == hash_of(output.strip().encode())
    # As long as the first one was.
    assert abs(new.expires - new.created - 90 * DAY_S) < 1
    refused = token(file, "rotate", "ci", expect=2)[1]
    assert "2 valid tokens" in refused
    assert "--grace 0m" in refused
    token(file, "rotate", "ci", "--grace=0m")
    assert len(secrets_of(file, "ci")) == 1


def test_a_revoked_token_is_gone(file: Path) -> None:
    token(file, "create", "a", "--role=read")
    token(file, "create", "b", "--role=admin")
    assert token(file, "revoke", "a")[0] == "a is revoked\n"
    assert [each.name for each in read_tokens(file).tokens] == ["b"]
    assert "there are: b" in token(file, "revoke", "a", expect=2)[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("create ci --role=root", "'read', 'deploy', 'operate', 'admin'"),
        ("create ci", "Missing option '--role'"),
        ("create ci --role=admin --vms=3", "limits are for the role deploy"),
        ("create a/b --role=read", "a name has 1 to 63"),
        ("create ci --role=read --expires=90", "as in 90d"),
        ("create there --role=read", "slackvm token rotate there"),
        ("rotate none", "there are: there"),
    ],
)
def test_what_is_not_allowed_changes_nothing(file: Path, arguments: str, reason: str) -> None:
    token(file, "create", "there", "--role=read")
    before = file.read_bytes()
    assert reason in token(file, *arguments.split(), expect=2)[1]
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no JSON"),
        ("[]", "no JSON object"),
        ('{"version": 9, "readable_by": 9}', "needs a release that reads version 9"),
        ('{"version": 1, "tokens": [{"name": "a"}]}', "tokens.0.role"),
        (
            (
                '{"version": 1, "tokens": [{"name": "a", "role": "deploy", "secrets": [],'
                ' "limits": {"gpus": 1}}]}'
            ),
            "tokens.0.limits.gpus",
        ),
        (
            (
                '{"version": 1, "tokens": [{"name": "a", "role": "read", "secrets": []},'
                ' {"name": "a", "role": "admin", "secrets": []}]}'
            ),
            "the name a is there 2 times",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(file: Path, content: str, reason: str) -> None:
    file.write_text(content)
    assert reason in token(file, "list", expect=2)[1]


def test_a_file_that_every_user_can_write_is_refused(file: Path) -> None:
    token(file, "create", "a", "--role=read")
    file.chmod(0o646)
    assert f"chmod 0600 {file}" in token(file, "list", expect=2)[1]


def test_what_a_later_release_adds_is_kept(file: Path) -> None:
    token(file, "create", "a", "--role=read")
    document = json.loads(file.read_text())
    document |= {"version": 2, "more": {"x": 1}}
    document["tokens"][0]["mail"] = "a@example.com"
    file.write_text(json.dumps(document))
    token(file, "create", "b", "--role=read")
    written = json.loads(file.read_text())
    assert (written["version"], written["more"]) == (2, {"x": 1})
    assert written["tokens"][0]["mail"] == "a@example.com"


def test_the_settings_name_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCG_TOKEN_FILE", str(file))
    run("", "token", "create", "a", "--role=read")
    assert "a" in run("", "token", "list")[0]
    monkeypatch.delenv("SCG_TOKEN_FILE")
    assert "Give --file, or set SCG_TOKEN_FILE" in run("", "token", "list", expect=2)[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to another user")
def test_owner_group_and_mode_of_the_file_stay(file: Path) -> None:
    token(file, "create", "a", "--role=read")
    os.chown(file, 1234, 2345)
    file.chmod(0o640)
    token(file, "create", "b", "--role=read")
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 2345, 0o640)
