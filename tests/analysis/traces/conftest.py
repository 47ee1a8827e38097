"""`slackvm-analysis import` as its user runs it."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from slackanalysis.commands.cli import cli
from slackanalysis.outputs.manifest import manifest_path

Import = Callable[..., pd.DataFrame]
Refused = Callable[..., str]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, arguments)])


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Imports a trace and returns the request list, by VM; `changed` are its counts."""

    def run_it(trace_format: str, path: Path, *options: object) -> pd.DataFrame:
        output = tmp_path / "requests.csv"
        result = run(trace_format, path, "--output", output, *options)
        assert result.exit_code == 0, result.output
        table = pd.read_csv(output, dtype={"vm": str}).set_index("vm")
        notes = json.loads(manifest_path(output).read_text())["notes"]
        changed = {f"{entry['what']}: {entry['why']}": entry["count"] for entry in notes["changed"]}
        for entry in notes["changed"]:
            assert f"{entry['count']:,} {entry['of']}" in result.stderr
        table.attrs["changed"] = changed
        return table

    return run_it


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Runs an import that is bad input, and returns what is said; nothing is written."""

    def run_it(trace_format: str, path: Path, *options: object) -> str:
        folder = tmp_path / "out"
        result = run(trace_format, path, "--output", folder / "requests.csv", *options)
        assert result.exit_code == 2, result.output
        assert not folder.exists()
        return result.stderr

    return run_it
