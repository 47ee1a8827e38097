"""The commands of docs/traces.md bring made-up files of 10,000 VMs to hosts and figures."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import public_traces as made

DOCUMENT = Path(__file__).parents[3] / "docs" / "traces.md"
VMS = 10_000
TRACES: dict[str, Callable[[Path], object]] = {
    "azure-2017": lambda folder: made.azure(folder / "vmtable.csv.gz", VMS),
    "azure-2019": lambda folder: made.azure(folder / "vmtable-2019.csv.gz", VMS, buckets=True),
    "azure-packing-2020": lambda folder: made.packing(
        folder / "packing_trace_zone_a_v1.sqlite", VMS
    ),
    "huawei-east-1": lambda folder: made.huawei(folder / "Huawei-East-1.csv", VMS),
    "bitbrains": lambda folder: made.bitbrains(folder / "fastStorage" / "2013-8", VMS),
    "alibaba-2018": lambda folder: made.alibaba(folder, VMS),
}


def commands(trace_format: str) -> str:
    """Return the block of the document that begins with the import of a format."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = (text for kind, text in blocks if not kind and f"import {trace_format} " in text)
    return str(block)


@pytest.mark.parametrize("trace_format", TRACES)
def test_a_trace_comes_to_hosts_and_a_figure(tmp_path, trace_format):
    folder = tmp_path / "downloads"
    folder.mkdir()
    TRACES[trace_format](folder)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(trace_format)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PATH": path},
    )
    assert result.returncode == 0, result.stderr
    (hosts,) = folder.glob("*-hosts.csv")
    table = pd.read_csv(hosts)
    assert set(table["provider"]) == {trace_format}
    assert (table["hosts_shared"] >= table["hosts_bound"]).all()
    assert (table["hosts_bound"] > 0).all()
    assert len(list((folder / "figures").glob("*.png"))) == 1
