"""`make release`: what it builds works without the checkout, and what it refuses to build."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from slackvm import __version__

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / ".venv-deploy/bin"

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout of git"),
    pytest.mark.skipif(
        not (ANSIBLE / "ansible-galaxy").exists(), reason="Ansible is missing: make deploy"
    ),
]

INVENTORY = """
all:
  vars:
    ansible_connection: local
    ansible_become: false
    ansible_python_interpreter: /usr/bin/python3
    hypervisor_require_kvm: false
  children:
    slackvm_controller: {hosts: {controller: {}}}
    slackvm_hosts: {hosts: {host-1: {}, host-2: {}}}
"""
SETTINGS = """
- hosts: host-1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: ROLES.slackvm_env, tasks_from: settings.yml}
  vars:
    slackvm_env_dir: "{{ folder }}"
    slackvm_env_group: root
    slackvm_env_scl_token: host-token-0123456789
    slackvm_env_scl_read_token: read-token-0123456789
"""
BUILD = """
- hosts: host-1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: slackvm.cluster.slackvm_package, tasks_from: build.yml}
  vars: {slackvm_package_cache: "{{ folder }}"}
"""


def run(*command: str | Path, cwd: Path, expect: int = 0, **environment: str | Path) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )
    told = result.stdout + result.stderr
    assert result.returncode == expect, told
    return told


def release(checkout: Path, expect: int = 0) -> str:
    return run(
        checkout / ".ci/release",
        cwd=checkout,
        expect=expect,
        PYTHON=sys.executable,
        GALAXY=ANSIBLE / "ansible-galaxy",
    )


def commit(checkout: Path, message: str) -> None:
    run("git", "add", "--all", "--force", cwd=checkout)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    run("git", *author, "commit", "--quiet", "--message", message, cwd=checkout)


def cloned(folder: Path) -> Path:
    """Return a repository whose one commit is this checkout, changes included."""
    for name in run("git", "ls-files", cwd=ROOT).splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run("git", "init", "--quiet", cwd=folder)
    commit(folder, "all")
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the release was built, in dist."""
    checkout = cloned(tmp_path_factory.mktemp("release") / "checkout")
    release(checkout)
    return checkout


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    return checkout / f"dist/slackvm-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def sources(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(checkout / f"dist/slackvm-{__version__}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"slackvm-{__version__}"


@pytest.fixture(scope="module")
def collections(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections with slackvm.cluster in it."""
    folder = tmp_path_factory.mktemp("collections")
    archive = checkout / f"dist/slackvm-cluster-{__version__}.tar.gz"
    run(
        *(ANSIBLE / "ansible-galaxy", "collection", "install", "--no-deps", "-p", folder, archive),
        cwd=folder,
    )
    return folder


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_source_distribution_holds_every_file_of_the_project(
    checkout: Path, sources: Path
) -> None:
    """Tests and their data, too; settings of tools that no user needs may be missing."""
    tracked = run("git", "ls-files", cwd=checkout).splitlines()
    missing = [name for name in tracked if not (sources / name).exists()]
    assert missing == []


def test_the_wheel_of_the_source_distribution_is_the_wheel(
    sources: Path, wheel: Path, tmp_path: Path
) -> None:
    run(
        *(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path),
        cwd=sources,
    )
    assert contents(tmp_path / wheel.name) == contents(wheel)


def test_tests_run_in_the_source_distribution(sources: Path) -> None:
    """Those that need no other program: decisions of the engine and of the prototype."""
    folders = [f"daemons/{name}" for name in ("common", "local", "global", "client")]
    told = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/prototype", "tests/model/test_vm.py", "tests/project/test_version.py"),
        cwd=sources,
        PYTHONPATH=os.pathsep.join([*folders, "analysis"]),
    )
    assert " passed" in told


def test_the_commands_of_the_wheel_tell_its_version(wheel: Path, tmp_path: Path) -> None:
    for name, content in contents(wheel).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for module in ("schedulerlocal", "schedulerglobal", "schedulerclient", "slackanalysis"):
        told = run(sys.executable, "-m", module, "--version", cwd=tmp_path, PYTHONPATH=tmp_path)
        assert told.strip().endswith(__version__)


class TestCollection:
    """The Ansible collection, installed somewhere, with the user's inventory somewhere else."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        (tmp_path / "inventory").write_text(INVENTORY)
        return tmp_path

    def play(self, place: Path, collections: Path, *arguments: str | Path, expect: int = 0) -> str:
        return run(
            *(ANSIBLE / "ansible-playbook", "--inventory", place / "inventory", *arguments),
            cwd=place,
            expect=expect,
            ANSIBLE_COLLECTIONS_PATH=collections,
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_NOCOLOR="1",
        )

    @pytest.mark.parametrize("name", ["site", "checks", "upgrade", "drain", "remove", "monitoring"])
    def test_its_playbooks_can_be_run(self, name: str, place: Path, collections: Path) -> None:
        self.play(place, collections, f"slackvm.cluster.{name}", "--syntax-check")

    def test_its_checks_run_and_refuse_what_is_wrong(self, place: Path, collections: Path) -> None:
        self.play(place, collections, "slackvm.cluster.checks")
        assert (place / "secrets").is_dir(), "secrets lie beside the inventory"
        told = self.play(
            *(place, collections, "slackvm.cluster.checks"),
            *("--extra-vars", "slackvm_env_scl_port=ninety"),
            expect=2,
        )
        assert "ninety" in told

    def test_its_roles_write_the_settings_that_the_checkout_writes(
        self, place: Path, collections: Path
    ) -> None:
        written = []
        for roles in ("slackvm.cluster.", ""):
            folder = place / (roles or "checkout")
            folder.mkdir()
            playbook = place / "settings.yml"
            playbook.write_text(SETTINGS.replace("ROLES.", roles))
            run(
                *(ANSIBLE / "ansible-playbook", "-i", place / "inventory", playbook),
                *("--extra-vars", json.dumps({"folder": str(folder)})),
                cwd=place,
                ANSIBLE_COLLECTIONS_PATH=collections,
                ANSIBLE_ROLES_PATH=ROOT / "roles",
            )
            written.append((folder / "local.env").read_text().replace(str(folder), ""))
        assert written[0] == written[1]
        assert "SCL_TOKEN='host-token-0123456789'" in written[0]

    def test_it_builds_the_wheel_that_the_checkout_builds(
        self, place: Path, collections: Path, wheel: Path
    ) -> None:
        """Servers get the same files from either."""
        (place / "build.yml").write_text(BUILD)
        self.play(
            *(place, collections, place / "build.yml"),
            *("--extra-vars", json.dumps({"folder": str(place / "cache")})),
            *("--extra-vars", f"ansible_playbook_python={sys.executable}"),
        )
        [built] = (place / "cache/wheels").glob("*/*.whl")
        assert contents(built) == contents(wheel)


def test_changes_that_are_not_committed_are_refused(tmp_path: Path) -> None:
    checkout = cloned(tmp_path / "checkout")
    (checkout / "daemons/common/slackvm/new.py").touch()
    assert "daemons/common/slackvm/new.py" in release(checkout, expect=1)
    assert not (checkout / "dist").exists()


def test_a_version_without_a_section_in_the_changelog_is_refused(tmp_path: Path) -> None:
    checkout = cloned(tmp_path / "checkout")
    project = checkout / "pyproject.toml"
    project.write_text(project.read_text().replace(f'"{__version__}"', '"9.9.9"', 1))
    commit(checkout, "9.9.9")
    assert "CHANGELOG.md has no section '## 9.9.9" in release(checkout, expect=1)
