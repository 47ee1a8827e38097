"""The monitoring record: one row says what one thing used of one resource at one time.

A recording is a table of such rows, one block of rows per timestamp. As CSV it is tab separated,
never quoted, with the header `COLUMNS` and `None` for null.

| rec | res | val | config | subset |
| --- | --- | --- | --- | --- |
| global | cpu, mem | use of the host, 0..1 | capacity of the host (CPUs, MiB) | None |
| subset | cpu | CPUs in use | CPUs owned by the vNode | `subset-2.0` |
| subset | mem | use of the host, 0..1 | MiB of all VMs | `subset-1` |
| vm | cpu, mem | 0..1 of the VM's own size | vCPUs, MiB | its vNode (cpu), `subset-1` (mem) |

A row about a VM's CPUs may say in `sb_dsc` how long its vCPUs waited for a CPU: `{"wait":0.0125}`
is the share of their time, 0..1.
"""

import json
import math
import re
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from slackvm.formats.contents import shown
from slackvm.formats.seconds import LATEST_S, why_too_late

COLUMNS = (
    "tmp",
    "rec",
    "res",
    "val",
    "config",
    "subset",
    "vm_uuid",
    "vm_cmn",
    "sb_oc",
    "sb_unused",
    "sb_dsc",
)
"""Names of the columns: time in whole seconds, record, resource, use, size, vNode, the VM's UUID
and name, level, CPUs owned beyond the rule (0 after a decision), description of the vNode."""

HEADER = "\t".join(COLUMNS).encode() + b"\n"
NONE = "None"
MEMORY_SUBSET = "subset-1"
UNCHANGED = "{}"
"""`sb_dsc` of a vNode that is as it was at the timestamp before."""

RECORDS = ("global", "subset", "vm")
RESOURCES = ("cpu", "mem")

_WHOLE = re.compile(r"[0-9]{1,15}(\.0+)?")
_LEVEL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Kind(IntEnum):
    """What a row is about: its record and its resource.

    Compare arrays with `.value`: numpy asks an enum for attributes that it has not, and swallows
    whatever is raised meanwhile, a request to end the process included.
    """

    GLOBAL_CPU = 0
    GLOBAL_MEM = 1
    SUBSET_CPU = 2
    SUBSET_MEM = 3
    VM_CPU = 4
    VM_MEM = 5


class TraceError(ValueError):
    """A recording that cannot be read: which file, which line and column, what is wrong."""

    def __init__(
        self, path: Path | str, problem: str, line: int | None = None, column: str | None = None
    ) -> None:
        place = shown(Path(path))
        if line is not None:
            place += f":{line}"
        if column is not None:
            place += f": column {COLUMNS.index(column) + 1} ({column})"
        super().__init__(f"{place}: {problem}")


def subset_name(level: float) -> str:
    """Return the name of a level's vNode: `subset-2.0`."""
    return f"subset-{level}"


def parse_whole(text: str) -> int:
    """Return a whole number of CPUs or MiB; `4` and `4.0` are accepted.

    Raises:
        ValueError: anything else.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a whole number")
    return int(text.partition(".")[0])


def parse_time(text: str) -> int:
    """Return a time in seconds.

    Raises:
        ValueError: it is not written as whole seconds, without leading zeros; or it is so late that
            it must be in another unit.
    """
    if not re.fullmatch(r"0|[1-9][0-9]{0,29}", text):
        raise ValueError(f"{quoted(text)} is not a time in whole seconds, 0 or more")
    if (time := int(text)) >= LATEST_S:
        raise ValueError(f"{text} {why_too_late(time)}")
    return time


def parse_level(text: str) -> float | None:
    """Return the level that `2.0`, or None that `None` stands for.

    Raises:
        ValueError: anything else.
    """
    if text == NONE:
        return None
    if not _LEVEL.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not an oversubscription level such as 2.0")
    return float(text)


def parse_subset(text: str) -> float | None:
    """Return the level in the name of a vNode, or None that `None` stands for.

    Raises:
        ValueError: anything else.
    """
    if text == NONE:
        return None
    prefix, _, level = text.partition("-")
    if prefix != "subset" or not _LEVEL.fullmatch(level):
        raise ValueError(f"{quoted(text)} is not the name of a vNode such as subset-2.0")
    return float(level)


def parse_unused(text: str) -> None:
    """Check a number of unused CPUs: a number or `None`.

    Raises:
        ValueError: anything else.
    """
    if text != NONE and not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text):
        raise ValueError(f"{quoted(text)} is not a number of CPUs")


def parse_label(text: str) -> str:
    """Return a VM's name or UUID.

    Raises:
        ValueError: it is empty or has characters that cannot be printed.
    """
    if not text or not text.isprintable():
        raise ValueError(f"{quoted(text)} is not a name: empty or not printable")
    return text


def parse_description(text: str) -> bool:
    """Return whether a description holds whole objects, as the recordings of the prototype do.

    Raises:
        ValueError: it is neither `None` nor a JSON object.
    """
    if text in (NONE, UNCHANGED):
        return False
    try:
        description = json.loads(text)
    except (ValueError, RecursionError):
        description = None
    if not isinstance(description, dict):
        raise ValueError(f"{quoted(text)} is neither None nor a JSON object")
    lists = [description.get(name) for name in ("consumer_list", "res_list")]
    return any(isinstance(each, list) and any(isinstance(i, dict) for i in each) for each in lists)


def description(cpu_ids: Sequence[int], vms: Sequence[str], pins: Sequence[int]) -> str:
    """Return `sb_dsc` of a vNode: its CPUs in the order taken, its VMs, the CPUs they may use."""
    fields = {"res_list": list(cpu_ids), "consumer_list": list(vms), "pin_list": list(pins)}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def waited(share: float) -> str:
    """Return `sb_dsc` of a row about a VM's CPUs: the share of their time that vCPUs waited."""
    return json.dumps({"wait": share}, separators=(",", ":"))


def parse_wait(text: str) -> float:
    """Return the share of their time that a VM's vCPUs waited; nan where `sb_dsc` has none.

    Raises:
        ValueError: it is no share.
    """
    if text in (NONE, UNCHANGED) or '"wait"' not in text:
        return math.nan
    share = json.loads(text).get("wait")
    if share is None:
        return math.nan
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"{quoted(text)}: wait is the share of a VM's time, 0 to 1")
    return float(share)


def row_line(
    kind: Kind,
    time: int | str,
    use: float | str,
    config: int,
    *,
    level: float | None = None,
    vm: tuple[str, str] | None = None,
    description: str = UNCHANGED,
) -> bytes:
    """Return a row as its CSV line.

    Args:
        kind: what it is about.
        time: seconds.
        use: `val`.
        config: CPUs or MiB.
        level: level of the vNode (in rows about memory it is always 1); None for the host.
        vm: UUID and name of the VM.
        description: `sb_dsc` of a vNode, or what `waited` returns for a VM.
    """
    record, resource = kind.name.lower().split("_")
    subset = oc = unused = NONE
    uuid, name = vm or (NONE, NONE)
    if kind in (Kind.SUBSET_MEM, Kind.VM_MEM):
        subset, oc = MEMORY_SUBSET, "1"
    elif level is not None:
        subset, oc = subset_name(level), str(level)
    if record == "subset":
        unused = "0"
    elif description == UNCHANGED:
        description = NONE
    fields = (time, record, resource, use, config, subset, uuid, name, oc, unused, description)
    return "\t".join(map(str, fields)).encode() + b"\n"


def quoted(text: str) -> str:
    """Return `text` fit for a message: escaped, and cut where it is long."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
