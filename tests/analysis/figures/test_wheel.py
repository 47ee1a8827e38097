"""The notebooks come with the installed package."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
NAMES = {path.name for path in (ROOT / "analysis" / "notebooks").glob("*.ipynb")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed wheel, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile"]
    target = folder / "installed"
    subprocess.run([*install, "--target", str(target), str(wheel)], check=True, capture_output=True)
    return target


def run(installed: Path, cwd: Path, *command: str, home: Path | None = None) -> None:
    """Run a module of the installed package with this environment's libraries."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(home or cwd)}
    result = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_figures_are_drawn_from_an_installed_package(installed, tmp_path, monitoring):
    notebooks = installed / "slackanalysis" / "notebooks"
    assert {path.name for path in notebooks.iterdir()} == NAMES
    draw = ["-m", "slackanalysis", "figure", "vm_count", "-p", "monitoring", monitoring.name]
    run(installed, tmp_path, *draw)
    assert len(pd.read_csv(tmp_path / "figures" / "vm_count.csv")) == 4
    executed = (tmp_path / "figures" / "vm_count.ipynb").read_text()
    assert str(ROOT) not in executed


def test_a_notebook_run_in_the_package_writes_to_the_home_folder(installed, tmp_path, monitoring):
    notebooks = installed / "slackanalysis" / "notebooks"
    mill = ["-m", "papermill", "--no-progress-bar", "vm_count.ipynb", str(tmp_path / "out.ipynb")]
    run(installed, notebooks, *mill, "-p", "monitoring", str(monitoring), home=tmp_path / "home")
    assert (tmp_path / "home" / "figures" / "vm_count.pdf").is_file()
    assert {path.name for path in notebooks.iterdir()} == NAMES


def test_the_source_distribution_has_the_notebooks(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {Path(name).name for name in packed.getnames() if "/analysis/notebooks/" in name}
    assert names == NAMES
