"""The rows of a recording as numbers, each checked by itself."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slackvm.formats.monitoring.columns import Coded, Columns
from slackvm.formats.monitoring.reading import read_columns
from slackvm.formats.monitoring.record import (
    MEMORY_SUBSET,
    NONE,
    RECORDS,
    RESOURCES,
    UNCHANGED,
    Kind,
    parse_description,
    parse_label,
    parse_level,
    parse_subset,
    parse_time,
    parse_unused,
    parse_wait,
    parse_whole,
    quoted,
    subset_name,
    waited,
)
from slackvm.model.vm import LARGEST

_FEW_TIMES = 20
"""So many bytes a row may be used for a moment: no more than the row itself has as CSV."""

Mask = NDArray[np.bool_]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Rows:
    """Rows that each keep the rules; all arrays but `times` and `starts` have shape (rows,).

    Attributes:
        columns: the file that they come from.
        times: the timestamps in seconds, ascending, shape (steps,).
        starts: first row of each timestamp, and the number of rows, shape (steps + 1,).
        steps: index of the row's timestamp.
        kinds: `Kind` of the row.
        values: use.
        sizes: `config`, in CPUs or MiB.
        levels: level of the row's vNode, nan in rows about the host.
        owners: index of the row's VM in `uuids` and `names`, -1 in rows about no VM.
        uuids: UUIDs that occur, once each.
        names: the name that belongs to each UUID.
        plain: True where every field is written just as this project writes such a row; one about
            a vNode, as where the vNode is as it was before.
        waits: share of its time that a VM's vCPUs waited for a CPU, in rows about a VM's CPUs; nan
            where the row does not say it. None: no row does.
        is_verbose: whether descriptions hold whole objects, as the prototype's recordings do.
    """

    columns: Columns
    times: NDArray[np.int64]
    starts: NDArray[np.int64]
    steps: NDArray[np.int32]
    kinds: NDArray[np.int8]
    values: NDArray[np.float64]
    sizes: NDArray[np.int64]
    levels: NDArray[np.float64]
    owners: NDArray[np.int32]
    uuids: list[str]
    names: list[str]
    plain: Mask
    waits: NDArray[np.float64] | None
    is_verbose: bool


def read_rows(path: Path, *, with_lines: bool = True) -> Rows:
    """Read a recording and check each row; see `slackvm.formats.monitoring.reading.read_columns`.

    Raises:
        TraceError: the file cannot be read or a row breaks a rule; names line and column.
    """
    columns = read_columns(path, with_lines=with_lines)
    kinds = _kinds(columns)
    times, starts, steps = _times(columns)
    values = columns.values
    wrong = ~((values >= 0) & (values <= LARGEST))
    refuse(columns, "val", wrong, lambda row: f"{values[row]} is not a use: 0 to {LARGEST}")
    sizes, plain = _sizes(columns)
    levels = _levels(columns, kinds, plain)
    waits, is_verbose = _descriptions(columns, kinds, plain)
    owners, uuids, names = _labels(columns, kinds)
    _refuse_duplicates(columns, kinds, steps, levels, owners)
    return Rows(
        columns,
        times,
        starts,
        steps,
        kinds,
        values,
        sizes,
        levels,
        owners,
        uuids,
        names,
        plain,
        waits,
        is_verbose,
    )


def refuse(columns: Columns, column: str, wrong: Mask, explain: Callable[[int], str]) -> None:
    """Raise an error about the first row that is wrong, if any."""
    row = int(np.argmax(wrong))
    if wrong[row]:
        raise columns.error(explain(row), row, column)


def _parsed(
    columns: Columns, name: str, coded: Coded, parse: Callable[[str], Parsed]
) -> list[Parsed]:
    """Return each text of a column parsed, or raise an error about the first row of a wrong one."""
    parsed = []
    for code, text in enumerate(coded.texts):
        try:
            parsed.append(parse(text))
        except ValueError as error:
            raise columns.error(str(error), coded.first_row(code), name) from None
    return parsed


def _written_as(coded: Coded, values: Collection[object]) -> Mask:
    """Return for each row whether its text is what Python writes for its value."""
    same = [text == str(value) for text, value in zip(coded.texts, values, strict=True)]
    return np.array(same, dtype=np.bool_)[coded.codes]


def _is(coded: Coded, text: str) -> Mask:
    return np.array([each == text for each in coded.texts], dtype=np.bool_)[coded.codes]


def _kinds(columns: Columns) -> NDArray[np.int8]:
    codes = []
    for name, allowed in (("rec", RECORDS), ("res", RESOURCES)):
        coded = columns.take(name)

        def index(text: str, allowed: tuple[str, ...] = allowed) -> int:
            if text not in allowed:
                raise ValueError(f"{quoted(text)} is not one of {', '.join(allowed)}")
            return allowed.index(text)

        codes.append(np.array(_parsed(columns, name, coded, index), np.int8)[coded.codes])
    return 2 * codes[0] + codes[1]


def _times(columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    coded = columns.take("tmp")
    times = np.array(_parsed(columns, "tmp", coded, parse_time), dtype=np.int64)[coded.codes]
    is_first = np.concatenate(([True], times[1:] != times[:-1]))
    earlier = np.concatenate(([False], times[1:] < times[:-1]))
    refuse(
        columns,
        "tmp",
        earlier,
        lambda row: f"{times[row]} stands behind {times[row - 1]}: rows are sorted by time",
    )
    starts = np.flatnonzero(is_first)
    steps = np.cumsum(is_first, dtype=np.int32) - np.int32(1)
    return times[starts], np.append(starts, len(times)), steps


def _sizes(columns: Columns) -> tuple[NDArray[np.int64], Mask]:
    """Return `config` of each row, and whether it is written plainly."""
    coded = columns.take("config")
    parsed = _parsed(columns, "config", coded, parse_whole)
    return np.array(parsed, dtype=np.int64)[coded.codes], _written_as(coded, parsed)


def _descriptions(
    columns: Columns, kinds: NDArray[np.int8], plain: Mask
) -> tuple[NDArray[np.float64] | None, bool]:
    """Return how long VMs waited, and whether any description holds whole objects.

    Rows with a description are not `plain`, but those that say just how long a VM waited.
    """
    is_vnode = (kinds == Kind.SUBSET_CPU.value) | (kinds == Kind.SUBSET_MEM.value)
    unused = columns.take("sb_unused")
    _parsed(columns, "sb_unused", unused, parse_unused)
    plain &= np.where(is_vnode, _is(unused, "0"), _is(unused, NONE))
    descriptions = columns.take("sb_dsc")
    verbose = _parsed(columns, "sb_dsc", descriptions, parse_description)
    shares = np.array(_parsed(columns, "sb_dsc", descriptions, parse_wait), dtype=np.float64)
    is_plain = np.where(is_vnode, _is(descriptions, UNCHANGED), _is(descriptions, NONE))
    waits = None
    if not np.isnan(shares).all():
        of_vm = kinds == Kind.VM_CPU.value
        waits = np.where(of_vm, shares[descriptions.codes], np.nan)
        is_plain |= of_vm & _written_as(descriptions, [waited(each) for each in shares.tolist()])
    plain &= is_plain
    return waits, any(verbose)


def _levels(columns: Columns, kinds: NDArray[np.int8], plain: Mask) -> NDArray[np.float64]:
    """Return each row's level; rows in which it is not written plainly are not `plain`."""
    is_host = kinds <= Kind.GLOBAL_MEM.value
    is_memory = (kinds & 1) == Kind.GLOBAL_MEM.value
    read = {}
    for name, parse in (("subset", parse_subset), ("sb_oc", parse_level)):
        coded = columns.take(name)
        parsed = _parsed(columns, name, coded, parse)
        level = np.array([np.nan if p is None else p for p in parsed], np.float64)[coded.codes]
        is_null = np.isnan(level)
        refuse(columns, name, is_null & ~is_host, lambda _: "None in a row about a vNode")
        refuse(columns, name, ~is_null & is_host, lambda _: "a vNode in a row about the host")
        refuse(
            columns,
            name,
            is_memory & ~is_host & (level != 1),
            lambda _: f"a row about memory belongs to {MEMORY_SUBSET}, level 1",
        )
        write = subset_name if name == "subset" else str
        as_cpu = _written_as(coded, [None if p is None else write(p) for p in parsed])
        as_memory = np.isin(coded.texts, ("1", MEMORY_SUBSET))[coded.codes]
        plain &= np.where(is_memory & ~is_host, as_memory, as_cpu)
        read[name] = level
    levels = read["sb_oc"]
    refuse(
        columns,
        "sb_oc",
        (read["subset"] != levels) & ~is_host,
        lambda row: f"level {levels[row]} in the vNode {subset_name(read['subset'][row])}",
    )
    return levels


def _labels(
    columns: Columns, kinds: NDArray[np.int8]
) -> tuple[NDArray[np.int32], list[str], list[str]]:
    """Return for each row the index of its VM, the UUIDs, and the name of each."""
    is_vm = kinds >= Kind.VM_CPU.value
    uuids, names = columns.take("vm_uuid"), columns.take("vm_cmn")
    for name, coded in (("vm_uuid", uuids), ("vm_cmn", names)):
        _parsed(columns, name, coded, parse_label)
        is_null = _is(coded, NONE)
        refuse(columns, name, is_null & is_vm, lambda _: "None in a row about a VM")
        refuse(columns, name, ~is_null & ~is_vm, lambda _: "a VM in a row about no VM")
    name_of = np.zeros(len(uuids.texts), dtype=np.int32)
    name_of[uuids.codes] = names.codes
    expected = name_of[uuids.codes]
    refuse(
        columns,
        "vm_cmn",
        is_vm & (expected != names.codes),
        lambda row: (
            f"{quoted(names.texts[names.codes[row]])} has the UUID of "
            f"{quoted(names.texts[expected[row]])}"
        ),
    )
    owners = np.where(is_vm, uuids.codes, np.int32(-1))
    return owners, uuids.texts, [names.texts[code] for code in name_of]


def _refuse_duplicates(
    columns: Columns,
    kinds: NDArray[np.int8],
    steps: NDArray[np.int32],
    levels: NDArray[np.float64],
    owners: NDArray[np.int32],
) -> None:
    """Refuse a second row about the same thing and resource at one timestamp."""
    things = owners.astype(np.int64)
    no_vm = np.flatnonzero(kinds < Kind.VM_CPU.value)
    _, numbers = np.unique(np.nan_to_num(levels[no_vm]), return_inverse=True)
    things[no_vm] = -1 - numbers
    things += int(-things.min())
    keys = (steps.astype(np.int64) * (int(things.max()) + 1) + things) * 2 + (kinds & 1)
    possible = int(keys[-1] | 1) + 2 * int(things.max()) + 1
    if possible <= _FEW_TIMES * len(keys):
        # Ticking off each key takes a fraction of the time that sorting all takes.
        is_there = np.zeros(possible, dtype=np.bool_)
        is_there[keys] = True
        if int(np.count_nonzero(is_there)) == len(keys):
            return
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        row = int(np.flatnonzero(keys == repeated[0])[1])
        raise columns.error("a second row about the same thing at one time", row, "rec")
