"""What a daemon writes and reads is no business of other users of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Authority
from clusters.processes import make_controller
from live.daemons import Daemon, serving

LAPTOP = "--topology=i7-1185g7"
TOKEN = "a-token-0123456789"  # noqa: S105 - of this test


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """As in a shell, where other users can read new files."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def readable(daemon: Daemon) -> list[str]:
    """Return the files of the warnings about secrets."""
    lines = [line for line in daemon.log_text.splitlines() if "secret_readable" in line]
    return [line.partition("path=")[2].split()[0] for line in lines]


def test_a_host_keeps_its_state_to_itself(tmp_path: Path) -> None:
    state = tmp_path / "above" / "state"
    with serving(tmp_path, LAPTOP, SCL_STATE_DIR=str(state)) as daemon:
        daemon.deploy("web", 1, 1.0)
        assert {"state.json", "operations.jsonl", "lock"} <= set(modes(state))
        assert all(mode & 0o077 == 0 for mode in modes(state).values())
        assert state.stat().st_mode & 0o777 == 0o711
        assert state.parent.stat().st_mode & 0o777 == 0o711


def test_files_of_an_earlier_release_are_closed_to_others(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        daemon.deploy("web", 1, 1.0)
        daemon.end()
        [state] = tmp_path.rglob("state.json")
        for path in state.parent.iterdir():
            path.chmod(0o644)
        daemon.start()
        assert all(mode == 0o640 for mode in modes(state.parent).values())


def test_a_group_that_the_unit_lets_in_stays(tmp_path: Path) -> None:
    os.umask(0o027)
    with serving(tmp_path, LAPTOP) as daemon:
        daemon.deploy("web", 1, 1.0)
        [state] = tmp_path.rglob("state.json")
        assert state.stat().st_mode & 0o777 == 0o640


def test_a_controller_keeps_its_store_to_itself(tmp_path: Path) -> None:
    """It has the tokens of hosts."""
    folder = tmp_path / "controller"
    folder.mkdir()
    controller = make_controller(folder, [], SCG_STORE=f"sqlite:///{folder}/new/store.sqlite")
    controller.start()
    try:
        assert {"store.sqlite", "operations.jsonl"} <= set(modes(folder / "new"))
        assert all(mode & 0o077 == 0 for mode in modes(folder / "new").values())
        assert (folder / "new").stat().st_mode & 0o777 == 0o700
        controller.end()
        for path in (folder / "new").iterdir():
            path.chmod(0o644)
        controller.start()
        assert all(mode & 0o007 == 0 for mode in modes(folder / "new").values())
    finally:
        controller.end()


def test_secrets_that_every_user_can_read_are_logged(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path / "pki").issue("127.0.0.1")
    env_file = tmp_path / ".env"
    env_file.write_text(f"SCL_TOKEN={TOKEN}\nSCL_TLS_CERT={certificate}\nSCL_TLS_KEY={key}\n")
    key.chmod(0o644)
    with serving(tmp_path, LAPTOP) as daemon:
        assert readable(daemon) == [".env", str(key)]
        assert "chmod o= .env" in daemon.log_text
        assert TOKEN not in daemon.log_text
        daemon.end()
        key.chmod(0o640)
        env_file.chmod(0o600)
        daemon.start()
        assert readable(daemon) == []


def test_settings_without_a_secret_may_be_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SCL_DELAY=5\nSCL_TOKEN=\n")
    with serving(tmp_path, LAPTOP) as daemon:
        assert readable(daemon) == []
