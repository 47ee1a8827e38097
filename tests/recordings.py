"""Reading what a replay wrote, plainly: the tests' own eyes."""

import json
from pathlib import Path

VNode = tuple[list[int], list[str], list[int]]


def rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of a recording as texts by column."""
    header, *lines = file.read_text().splitlines()
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def vnodes_by_time(file: Path) -> dict[int, dict[str, VNode]]:
    """Return per timestamp and vNode its CPUs in order, its VMs, and the CPUs that they may use."""
    latest: dict[str, VNode] = {}
    by_time: dict[int, dict[str, VNode]] = {}
    for row in rows(file):
        vnodes = by_time.setdefault(int(row["tmp"]), {})
        if (row["rec"], row["res"]) == ("subset", "cpu"):
            if row["sb_dsc"] != "{}":
                described = json.loads(row["sb_dsc"])
                keys = ("res_list", "consumer_list", "pin_list")
                latest[row["subset"]] = tuple(described[key] for key in keys)
            vnodes[row["subset"]] = latest[row["subset"]]
            assert int(row["config"]) == len(latest[row["subset"]][0])
    return by_time
