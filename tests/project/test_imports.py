"""Who may import whom, as pyproject.toml's contracts say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [LINTER, "--config", ROOT / "pyproject.toml", "--no-cache"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_the_import_rules_are_kept() -> None:
    result = check(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("daemons/common/slackvm/model/vnode.py", "import threading"),
        ("daemons/common/slackvm/model/vnode.py", "import slackvm.formats.monitoring.record"),
        ("daemons/common/slackvm/formats/files.py", "import schedulerlocal.cli"),
        ("daemons/local/schedulerlocal/agent/drift.py", "import schedulerlocal.backends.memory"),
        ("daemons/local/schedulerlocal/backends/memory/hypervisor.py", "import slackvm.api.vms"),
        ("analysis/slackanalysis/workload/usage.py", "import schedulerlocal.replay.decisions"),
        ("analysis/slackanalysis/sweep/claims.py", "import slackanalysis.figures.style"),
        ("daemons/client/schedulerclient/output/text.py", "import schedulerglobal.state.cluster"),
        ("daemons/client/schedulerclient/output/text.py", "import slackvm.http.app"),
        ("daemons/client/schedulerclient/output/text.py", "import schedulerclient.session.server"),
        (
            "daemons/global/schedulerglobal/state/resources.py",
            "import slackvm.formats.monitoring.reading",
        ),
    ],
)
def test_a_broken_rule_is_found(
    module: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a copy of the tree, with one import too many."""
    names = ("common", "local", "global", "client")
    roots = [*(Path("daemons") / name for name in names), Path("analysis")]
    for root in roots:
        for source in (ROOT / root).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(source.read_text())
    broken = tmp_path / module
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    monkeypatch.setenv("PYTHONPATH", ":".join(str(tmp_path / root) for root in roots))
    result = check(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout
