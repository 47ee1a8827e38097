"""Files of a later release: what this release knows of them is used, and nothing is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command import slackvm_local
from live.daemons import Daemon, serving
from slackvm.formats.versions import VersionError, readable_version

LAPTOP = "--topology=i7-1185g7"


def later(value: Any) -> Any:
    """Return a document with a field that nobody knows yet in each of its objects."""
    if isinstance(value, dict):
        return {**{key: later(each) for key, each in value.items()}, "x_later": {"since": 2}}
    return [later(each) for each in value] if isinstance(value, list) else value


def rewrite(path: Path, change: Callable[[Any], Any]) -> str:
    text = json.dumps(change(json.loads(path.read_text())))
    path.write_text(text)
    return text


@pytest.fixture
def stopped(tmp_path: Path) -> Daemon:
    """A daemon that has ended. Its vNodes took CPUs in an order that only the state file holds."""
    with serving(tmp_path, LAPTOP) as daemon:
        for name, level in (("a", 2.0), ("b", 1.0), ("c", 2.0), ("d", 1.0)):
            assert daemon.deploy(name, 2, level).status_code == 201
        for name in ("a", "b"):
            assert daemon.remove(name).status_code == 200
        daemon.end()
    return daemon


def cpus(daemon: Daemon) -> dict[str, list[int]]:
    levels = daemon.get("/v1/host")["levels"]
    return {level: vnode["cpu_list"] for level, vnode in levels.items()}


def test_a_state_file_that_this_release_can_use_keeps_the_cpus(stopped: Daemon) -> None:
    folder = stopped.folder / "state"
    before = {
        str(vnode["level"]): vnode["cpus"]
        for vnode in json.loads((folder / "state.json").read_text())["vnodes"]
    }
    written = rewrite(
        folder / "state.json", lambda state: {**later(state), "version": 2, "readable_by": 1}
    )
    with serving(stopped.folder, LAPTOP) as daemon:
        assert cpus(daemon) == before
        assert daemon.deploy("e", 1, 3.0).status_code == 201
        assert "event=state_file_of_later_release" in daemon.log_text
    assert '"reset"' not in daemon.operations.read_text()
    assert (folder / "state.json.v2-backup").read_text() == written
    assert json.loads((folder / "state.json").read_text())["version"] == 1


@pytest.mark.parametrize(
    "versions", [{"version": 3, "readable_by": 2}, {"version": 2}, {"version": "1"}, {}], ids=str
)
def test_a_state_file_that_only_later_releases_can_use_is_kept_aside(
    versions: dict[str, Any], stopped: Daemon
) -> None:
    folder = stopped.folder / "state"

    def change(state: dict[str, Any]) -> dict[str, Any]:
        rest = {key: state[key] for key in state.keys() - {"version", "readable_by"}}
        return {**rest, **versions}

    written = rewrite(folder / "state.json", change)
    with serving(stopped.folder, LAPTOP) as daemon:
        assert daemon.get("/listvm") == ["c", "d"]
        assert "event=state_file_unusable" in daemon.log_text
        assert f"kept_as={folder}/state.json.unreadable-1" in daemon.log_text
    assert (folder / "state.json.unreadable-1").read_text() == written
    assert '"reset"' in daemon.operations.read_text()


def test_simulated_vms_of_a_later_release_are_read(stopped: Daemon) -> None:
    guests = stopped.folder / "state" / "guests.json"
    written = rewrite(guests, lambda vms: {**later(vms), "version": 3, "readable_by": 2})
    with serving(stopped.folder, LAPTOP) as daemon:
        assert daemon.get("/listvm") == ["c", "d"]
        assert daemon.get("/v1/vms/c")["state"] == "running"
    assert guests.with_name("guests.json.v3-backup").read_text() == written


def test_simulated_vms_that_only_later_releases_can_read_stop_the_start(stopped: Daemon) -> None:
    """A daemon without them would lose them."""
    guests = stopped.folder / "state" / "guests.json"
    written = rewrite(guests, lambda vms: {**vms, "version": 3, "readable_by": 3})
    (stopped.folder / ".env").write_text(
        f"SCL_HYPERVISOR=memory\nSCL_STATE_DIR={stopped.folder}/state\n"
    )
    error = slackvm_local(LAPTOP, expect=2, cwd=stopped.folder).stderr
    assert "version 3 needs a release that reads version 3; this one reads version 2" in error
    assert guests.read_text() == written


@pytest.mark.parametrize(
    ("document", "version"),
    [
        ({"version": 1}, 1),
        ({"version": 1, "readable_by": 1}, 1),
        ({"version": 2, "readable_by": 1}, 2),
        ({"version": 7, "readable_by": 2}, 7),
    ],
)
def test_a_file_is_read_by_each_version_that_it_names(
    document: dict[str, Any], version: int
) -> None:
    assert readable_version(document, 2) == version


@pytest.mark.parametrize(
    "document",
    [
        *({}, {"version": 3}, {"version": 3, "readable_by": 3}, {"version": 0}),
        *({"version": True}, {"version": 1.0}, {"version": 2, "readable_by": None}),
    ],
    ids=str,
)
def test_a_file_without_a_version_that_can_be_read_is_an_error(document: dict[str, Any]) -> None:
    with pytest.raises(VersionError):
        readable_version(document, 2)
