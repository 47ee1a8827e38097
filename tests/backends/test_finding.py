"""Backends are found by name, and one from another package needs no file of SlackVM's changed."""

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from command import slackvm_local
from live.daemons import serving
from packages import install
from schedulerlocal.backends import GROUP, find_backend, installed_backends
from slackvm.settings import SettingsError

SKELETON = '''
"""A hypervisor of another package: it keeps the VMs in this process."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field

from schedulerlocal.backend import Backend
from schedulerlocal.hypervisor import RUNNING, STOPPED, HypervisorError, Usage
from slackvm.model.codes import Code


class BoxSettings(BaseModel):
    box_root: str = Field(default="/", pattern="^/")


class Boxes:
    def __init__(self, settings, site):
        self.root, self.clock, self.boxes = settings.box_root, site.clock, {}

    def vms(self):
        return list(self.boxes.values())

    def check_image(self, image, clone):
        return Path(self.root) / image.lstrip("/")

    def create(self, spec, cpu_ids):
        if spec.vm.name in self.boxes:
            raise HypervisorError(Code.NAME_TAKEN, f"a box {spec.vm.name} exists")
        self.boxes[spec.vm.name] = spec.observed(tuple(cpu_ids))

    def remove(self, name):
        self.boxes.pop(name, None)

    def pin(self, pins):
        for name in pins.keys() & self.boxes.keys():
            box = self.boxes[name]
            self.boxes[name] = replace(
                box, vcpu_pins=(tuple(pins[name]),) * box.vcpus, emulator_pins=tuple(pins[name])
            )

    def _switch(self, name, state):
        if name not in self.boxes:
            raise HypervisorError(Code.VM_NOT_FOUND, f"there is no box {name}")
        self.boxes[name] = replace(self.boxes[name], state=state)

    def start(self, name):
        self._switch(name, RUNNING)

    def stop(self, name):
        self._switch(name, STOPPED)

    def restart(self, name):
        self._switch(name, RUNNING)

    def usage(self):
        running = [box for box in self.boxes.values() if box.state == RUNNING]
        return [Usage(box.uuid, self.clock.now(), None, box.memory_mib / 2) for box in running]

    def addresses(self, name):
        return []

    def watch(self, changed):
        pass

    def close(self):
        pass


backend = Backend(BoxSettings, Boxes)
'''


@pytest.mark.parametrize("name", ["box", "boxes:backend"])
def test_a_backend_of_another_package_serves_a_host(name: str, tmp_path: Path) -> None:
    """By its entry point, or by where it is; it reads its own settings."""
    install(tmp_path, "boxes", GROUP, "box = boxes:backend", SKELETON)
    settings = {"SCL_HYPERVISOR": name, "BOX_ROOT": "/pool", "PYTHONPATH": str(tmp_path)}
    with serving(tmp_path, "--topology=i7-1185g7", **settings) as daemon:
        created = daemon.deploy("web", 2, 2.0, labels={"team": "a"})
        assert created.status_code == 201, created.text
        assert daemon.deploy("db", 2, 1.0).status_code == 201
        assert daemon.call("POST", "/v1/vms/web/stop").json()["state"] == "stopped"
        vm = daemon.get("/v1/vms/web")
        assert (vm["image"], vm["labels"]) == ("/pool/images/any.qcow2", {"team": "a"})
        assert daemon.get("/v1/host")["hypervisor"] == name
        assert daemon.remove("web").status_code == 200
        assert daemon.get("/listvm") == ["db"]


def test_a_wrong_setting_of_a_backend_is_named(tmp_path: Path) -> None:
    install(tmp_path, "boxes", GROUP, "box = boxes:backend", SKELETON)
    (tmp_path / ".env").write_text("SCL_HYPERVISOR=boxes:backend\nBOX_ROOT=pool\nSCL_PORT=x\n")
    # `python -m` finds modules of the current folder
    error = slackvm_local("--topology=i7-1185g7", expect=2, cwd=tmp_path).stderr
    assert "SCL_PORT: 'x' is not allowed" in error
    assert "BOX_ROOT: 'pool' is not allowed" in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xen", "there is no hypervisor 'xen'; installed are libvirt, memory; module:object"),
        ("nowhere:backend", "'nowhere:backend' cannot be loaded (ModuleNotFoundError"),
        ("schedulerlocal.clock:Clock", "'schedulerlocal.clock:Clock' is a type, not a Backend"),
    ],
)
def test_a_name_without_a_backend_is_an_error_that_says_why(name: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        find_backend(name)
    assert message in str(error.value)


def test_a_backend_may_not_take_a_setting_of_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "greedy", GROUP, "g = greedy:backend", SKELETON.replace("box_", "scl_port_"))
    (tmp_path / "taker.py").write_text(SKELETON.replace("box_root", "scl_port"))
    monkeypatch.syspath_prepend(tmp_path)
    assert find_backend("g")
    with pytest.raises(SettingsError, match=r"settings of the daemon: scl_port"):
        find_backend("taker:backend")


@pytest.mark.parametrize("name", ["libvirt", "memory"])
def test_a_backend_is_found_again_when_all_of_it_is_imported(name: str) -> None:
    """None of its modules takes the name of what declares it."""
    first = find_backend(name)
    package = import_module(f"schedulerlocal.backends.{name}")
    for module in iter_modules(package.__path__):
        with suppress(ImportError):  # libvirt's own Python module may be missing
            import_module(f"{package.__name__}.{module.name}")
    assert find_backend(name) is first


def test_a_package_replaces_no_backend_of_slackvm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "boxes", GROUP, "memory = boxes:backend", SKELETON)
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_backends()["memory"] == "schedulerlocal.backends.memory:backend"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(5)", r"cannot be loaded \(SystemExit: 5\)"),
        (
            "from schedulerlocal.backend import Backend\nbackend = Backend(None, None)",
            "the settings of 'broken:backend' are not a model of pydantic",
        ),
    ],
)
def test_a_backend_that_cannot_be_used_is_an_error_that_says_why(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    (tmp_path / "broken.py").write_text(code)
    with pytest.raises(SettingsError, match=message):
        find_backend("broken:backend")


def test_the_package_declares_its_backends() -> None:
    """They are found in a checkout without this; tools that list entry points find them by it."""
    import tomllib

    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    declared = pyproject["project"]["entry-points"][GROUP]
    assert declared == {name: installed_backends()[name] for name in ("libvirt", "memory")}
