"""axe-core finds what keeps people from using a page; npm gets it when it is first needed."""

import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "node_modules" / "axe-core" / "axe.min.js"


def axe_script() -> str:
    """Return axe-core's source; skip the test where it cannot be had."""
    if not SCRIPT.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is missing, which gets axe-core (Debian packages nodejs and npm)")
        result = subprocess.run(
            ["npm", "ci"], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            pytest.skip(f"npm cannot get axe-core: {result.stderr[-300:]}")
    return SCRIPT.read_text()


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical on a page as it is now."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(axe_script())
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in results["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
