"""What the documents say is true: their commands run, their examples work, their links lead on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from command import slackvm_local
from model.hosts import TOPOLOGIES, host
from packages import install
from recordings import vnodes_by_time
from schedulerlocal.backends import find_backend
from schedulerlocal.backends.libvirt.settings import LibvirtSettings
from slackvm import plugins
from slackvm.model import POLICIES, VM, Fleet, PlacementRequest, place
from slackvm.settings import ClientSettings, GlobalSettings, LocalSettings, load_settings
from traces import Guest, trace

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = (LocalSettings, LibvirtSettings, GlobalSettings, ClientSettings)
WITH_COMMANDS = [path for path in DOCUMENTS if "```sh\n" in path.read_text()]


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda path: path.name)
def test_the_commands_of_a_document_run_as_they_stand(document: Path, tmp_path: Path) -> None:
    """In a folder with what a checkout has after `make setup`."""
    for name in ("analysis", "dotenv", ".venv"):
        if (ROOT / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    slackvm_local(
        "topology",
        *("--preset", "epyc-7662"),
        *("--output", tmp_path / "debug" / "topology_EPYC-7662-exp.json"),
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for number, block in enumerate(blocks(document, "sh"), 1):
        commands = block.replace(". .venv/bin/activate\n", "")
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
        )
        assert result.returncode == 0, f"block {number}: {result.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def example(index: int) -> tuple[str, str, str, str]:
    """Return name, group, entry and code of an example in CONTRIBUTING.md."""
    document = ROOT / "CONTRIBUTING.md"
    code, declaration = blocks(document, "python")[index], blocks(document, "toml")[index]
    name = re.match(r"# (\w+)\.py", code)
    group = re.search(r'entry-points\."(.+)"\]', declaration)
    entry = declaration.splitlines()[1].replace('"', "")
    assert name
    assert group
    return name[1], group[1], entry, code


def test_the_example_of_a_selection_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, *example(0))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    source, output = tmp_path / "trace.csv", tmp_path / "out.csv"
    guests = [Guest("a", 2, 64, 1.0, 0, 9), Guest("b", 2, 64, 2.0, 0, 9)]
    source.write_text(trace(guests, [0]))
    slackvm_local(
        *("--topology=i7-1185g7", "--selection=lowest"), f"--load={source}", f"--output={output}"
    )
    owned = {name: vnode[0] for name, vnode in vnodes_by_time(output)[0].items()}
    assert owned == {"subset-1.0": [0, 1], "subset-2.0": [2, 3]}


def test_the_example_of_a_policy_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, *example(1))
    monkeypatch.syspath_prepend(tmp_path)
    policy = plugins.find("tight", POLICIES, plugins.POLICY_GROUP)
    roomy, tight = host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])
    tight.commit(tight.plan_deploy(VM("first", 1, 20_000, 1.0)))
    fleet = Fleet([roomy.summary("roomy"), tight.summary("tight")])
    assert place(fleet, PlacementRequest(VM("small", 1, 1024, 1.0)), policy).host == 1
    assert place(fleet, PlacementRequest(VM("large", 1, 15_000, 1.0)), policy).host == 0


def test_the_example_of_a_hypervisor_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, *example(2))
    monkeypatch.syspath_prepend(tmp_path)
    backend = find_backend("box")
    assert backend is find_backend("boxes:backend")
    assert load_settings(backend.settings) == backend.settings(box_root="/var/lib/boxes")


def test_dotenv_explains_every_setting_and_no_other() -> None:
    """One that several commands share is explained once."""
    lines = (ROOT / "dotenv").read_text().splitlines()
    keys = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    known = {name.upper() for model in SETTINGS for name in model.model_fields}
    assert sorted(keys) == sorted(known)
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), f"{line} has no explanation above it"


@pytest.mark.parametrize("model", SETTINGS)
def test_dotenv_holds_the_defaults(
    model: type[BaseModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in model.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    assert load_settings(model, ROOT / "dotenv") == model()
