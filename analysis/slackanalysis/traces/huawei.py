"""Huawei-East-1: creations and deletions of VMs in a month.

Schema: documentation of VMAgent (github.com/mail-ecnu/VMAgent): `vmid,cpu,memory,time,type`, memory
in GB, time in seconds, type 0 for a creation and 1 for a deletion.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from slackanalysis.progress import Track
from slackanalysis.traces.account import Account
from slackanalysis.traces.csv_pieces import Layout, read_pieces, row_error
from slackanalysis.traces.vms import TraceVMs
from slackanalysis.workload.catalogue import GIB

_COLUMNS = ("vmid", "cpu", "memory", "time", "type")
LAYOUT = Layout(_COLUMNS, _COLUMNS, header=True)

_CREATED, _DELETED = 0, 1


def read_huawei(path: Path, account: Account, track: Track) -> Iterator[TraceVMs]:
    """Yield the VMs of the trace; a name that is created again after its deletion is another VM.

    Args:
        path: the file.
        account: counts names that stand for several VMs.
        track: shows how much is read.

    Raises:
        ValueError: the file is no such table, or a VM is deleted that is not there, or created that
            is; with the row.
        OSError: the file cannot be opened.
    """
    pieces = []
    for piece in read_pieces(path, LAYOUT, track):
        kind = piece.numbers("type", "0 (created) or 1 (deleted)")
        piece.refuse("type", ~np.isin(kind, (_CREATED, _DELETED)), "0 (created) or 1 (deleted)")
        pieces.append(
            pd.DataFrame(
                {
                    "name": piece.names("vmid").to_pandas(),
                    "row": piece.row_numbers,
                    "cpu": piece.numbers("cpu", "1 or more CPUs", 1),
                    "gib": piece.numbers("memory", "GB, more than 0", np.nextafter(0, 1)),
                    "time": piece.numbers("time", "a time of 0 s or more", 0),
                    "is_end": kind == _DELETED,
                }
            )
        )
    # By VM, then in the order of events.
    events = pd.concat(pieces, ignore_index=True).sort_values(
        ["name", "time", "row"], kind="stable"
    )
    _refuse_impossible(path, events)
    starts = events[~events["is_end"]]
    ends = events["time"].shift(-1).where(events["is_end"].shift(-1, fill_value=False))
    number = starts.groupby("name").cumcount()
    account.add("renamed", "the name of a VM that was deleted before", int((number > 0).sum()))
    names = starts["name"].where(number == 0, _renamed(starts["name"], number))
    vms = starts.assign(
        name=names, mib=starts["gib"] * GIB, end=ends[~events["is_end"]]
    ).sort_values("row")
    columns = (vms[name].to_numpy(np.float64) for name in ("cpu", "mib", "time", "end"))
    yield TraceVMs(pa.array(vms["name"].tolist(), pa.string()), *columns)


def _renamed(names: "pd.Series[str]", number: "pd.Series[int]") -> "pd.Series[str]":
    """Return `NAME#2` for the second VM of a name, with more `#` where another VM is called so."""
    sign = "#"
    while True:
        renamed = names + sign + (number + 1).astype(str)
        if not renamed[number > 0].isin(names).any():
            return renamed
        sign += "#"


def _refuse_impossible(path: Path, events: pd.DataFrame) -> None:
    """Refuse events that do not take turns, a VM's first one being its creation."""
    is_end, name = events["is_end"].to_numpy(), events["name"].to_numpy()
    is_first = np.concatenate(([True], name[1:] != name[:-1]))
    before = np.concatenate(([True], is_end[:-1]))
    wrong = is_end == np.where(is_first, True, before)
    if not wrong.any():
        return
    # The first in the file.
    place = int(np.flatnonzero(wrong)[events["row"].to_numpy()[wrong].argmin()])
    event = events.iloc[place]
    who = f"VM {event['name']!r}"
    if not event["is_end"]:
        raise row_error(path, event["row"], f"{who} is created, but is there already")
    later = events[(events["name"] == event["name"]) & ~events["is_end"]]
    if is_first[place] and len(later):
        start = later["time"].iloc[0]
        raise row_error(
            path,
            event["row"],
            f"{who} is deleted at {event['time']:g} s, before its creation at {start:g} s",
        )
    reason = "was never created" if is_first[place] else "was deleted before"
    raise row_error(path, event["row"], f"{who} is deleted, but {reason}")
