"""Running the project's commands as a user does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

Result = subprocess.CompletedProcess[str]


def slackvm_local(*arguments: str | Path, expect: int = 0, cwd: Path | None = None) -> Result:
    """Run `python3 -m schedulerlocal`; a test fails unless it ends with the expected exit code."""
    return _run("schedulerlocal", arguments, expect, cwd, {})


def slackvm(
    *arguments: str | Path, expect: int = 0, cwd: Path | None = None, **environment: str
) -> Result:
    """Run `python3 -m schedulerclient` likewise."""
    return _run("schedulerclient", arguments, expect, cwd, environment)


def _run(
    module: str,
    arguments: tuple[str | Path, ...],
    expect: int,
    cwd: Path | None,
    environment: Mapping[str, str],
) -> Result:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    told = f"exit code {result.returncode}: {result.stdout}{result.stderr}"
    assert result.returncode == expect, told
    assert "Traceback" not in result.stderr
    return result
