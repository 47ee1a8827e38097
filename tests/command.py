"""Running the project's commands as a user does."""

import subprocess
import sys
from pathlib import Path


def slackvm_local(
    *arguments: str | Path, expect: int = 0, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python3 -m schedulerlocal`; a test fails unless it ends with the expected exit code."""
    command = [sys.executable, "-m", "schedulerlocal", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert result.returncode == expect, f"exit code {result.returncode}: {result.stderr}"
    assert "Traceback" not in result.stderr
    return result
