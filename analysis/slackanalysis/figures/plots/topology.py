"""The CPUs of a host by core, last-level cache and NUMA node, coloured by the vNode that owns them.

A cell is a CPU, a column of cells a core with its hardware threads, a grey field the cores that
share a last-level cache, a frame a NUMA node.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from slackanalysis.figures import palette, style
from slackanalysis.recordings.cpus import read_cpus
from slackvm.model import Topology

_FREE = "white"
_EDGE = "0.35"
_CACHE = "0.9"
_GAP = 0.35
"""Distances between the fields of caches, in cells."""
_CORES_ABREAST = 16
"""A cache that more cores share has them in several rows."""
_NUMBER_POINTS = 6.0
_CELL_IN = 0.2
"""Side of a cell with a number in it, in inches; three digits of 6 points fit."""
_SMALL_CELL_IN = 0.09
_GROWTH = 1.6
_SMALL_HOST = 32
"""The cells of a host of so few CPUs are larger by this factor."""
_MOMENT_IN = 2.1
"""Width of what stands above a moment."""
_LABEL = 0.9
"""Room above the frame of a NUMA node for its name, in cells, where cells have numbers."""
_EDGE_ROOM = 0.15
"""Room for the outermost lines, in cells."""
_MARGIN_IN = 0.08
_TITLE_IN = 0.2


@dataclass(frozen=True, slots=True)
class _Place:
    """Positions on the drawing of a host, in cells from its upper left corner.

    Attributes:
        cpus: position of each CPU's cell (left, top), by its number.
        caches: left, top, width and height of each cache's field.
        nodes: the same of each NUMA node's frame, by its number.
        width, height: of the host.
    """

    cpus: dict[int, tuple[float, float]]
    caches: list[tuple[float, float, float, float]]
    nodes: dict[int, tuple[float, float, float, float]]
    width: float
    height: float


def topology_table(topology: Topology) -> pd.DataFrame:
    """Return what each CPU of a host shares with others.

    Returns:
        One row per CPU, sorted by the other columns: `numa_node`, `cache` (last level), `core`, and
        `cpu`, all as Linux numbers them but `cache` and `core`, which are counted from 0.
    """
    table = pd.DataFrame(
        {
            "numa_node": [cpu.numa_node for cpu in topology.cpus],
            "cache": topology.last_level_caches,
            "core": topology.cores,
            "cpu": topology.cpu_ids,
        }
    )
    return table.sort_values(["numa_node", "cache", "core", "cpu"], ignore_index=True)


def topology_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many caches, cores and CPUs each NUMA node has.

    Args:
        table: what `topology_table` returns.
    """
    by_node = table.groupby("numa_node")[["cache", "core", "cpu"]].nunique()
    return by_node.set_axis(["caches", "cores", "cpus"], axis=1).reset_index()


def owners_table(
    monitoring: Path | str, topology: Topology, moments_s: Sequence[float]
) -> pd.DataFrame:
    """Return which vNode owns each CPU of a host at some moments.

    Args:
        monitoring: the recording, see `slackanalysis.recordings.cpus.read_cpus`.
        topology: the host of the recording.
        moments_s: seconds since the recording's first sample.

    Returns:
        `topology_table` for each moment, with `moment_s` before and `level` behind (NaN: free).

    Raises:
        ValueError: the file is not a recording, or a CPU in it is not in the topology.
        OSError: the recording cannot be read.
    """
    owned = read_cpus(Path(monitoring), moments_s)
    unknown = sorted(set(owned["cpu"]) - set(topology.cpu_ids.tolist()))
    if unknown:
        raise ValueError(
            f"{monitoring}: CPU {unknown[0]} is not on this topology; "
            "give the one that the recording was made on"
        )
    moments = pd.DataFrame({"moment_s": sorted({float(moment) for moment in moments_s})})
    every = moments.merge(topology_table(topology), how="cross")
    return every.merge(owned.drop(columns="time_s"), how="left", on=["moment_s", "cpu"])


def shared_parts(owners: pd.DataFrame) -> pd.DataFrame:
    """Return how many parts of a host several vNodes share: the fewer, the better isolated.

    Args:
        owners: what `owners_table` returns.

    Returns:
        One row per moment: `moment_s`, `owned_cpus`, and `cores`, `caches` and `numa_nodes` with
        CPUs of two vNodes or more.
    """
    owned = owners.dropna(subset="level")
    counts: dict[str, Any] = {"owned_cpus": owned.groupby("moment_s").size()}
    for part in ("core", "cache", "numa_node"):
        vnodes = owned.groupby(["moment_s", part])["level"].nunique()
        counts[f"{part}s"] = (vnodes > 1).groupby("moment_s").sum()
    moments = pd.Index(owners["moment_s"].unique(), name="moment_s")
    table = pd.DataFrame(counts).reindex(moments, fill_value=0)
    return table.astype("int64").reset_index()


def draw_topology(table: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a host's CPUs: once with their numbers, or by level at several moments.

    Args:
        table: what `topology_table` returns, or `owners_table`.
        width_in: width of the figure in inches.
    """
    has_owners = "level" in table
    cell_in = _SMALL_CELL_IN if has_owners else _CELL_IN
    moments = [rows for _, rows in table.groupby("moment_s")] if has_owners else [table]
    label = 0.0 if has_owners else _LABEL
    if len(moments[0]) <= _SMALL_HOST:
        cell_in *= _GROWTH
    cells_wide = (width_in - 2 * _MARGIN_IN) / cell_in
    place = _place(moments[0], cells_wide, label)
    room = min(width_in / _MOMENT_IN, (cells_wide + 2) / (place.width + 2))
    abreast = max(1, min(len(moments), int(room)))
    rows = -(-len(moments) // abreast)
    title = _TITLE_IN / cell_in if has_owners else 0.0
    height = rows * (place.height + title) + (rows - 1) * 1.0
    figure, axes = style.new_figure(height * cell_in + 2 * _MARGIN_IN, width_in=width_in)
    axes.set(
        xlim=(-_EDGE_ROOM, cells_wide + _EDGE_ROOM),
        ylim=(height + _EDGE_ROOM, -_EDGE_ROOM),
        aspect="equal",
        xticks=[],
        yticks=[],
    )
    axes.set_axis_off()
    looks = palette.levels(table["level"].dropna()) if has_owners else {}
    apart = (cells_wide - abreast * place.width) / abreast
    for number, one in enumerate(moments):
        left = (number % abreast) * (place.width + apart)
        top = (number // abreast) * (place.height + title + 1.0) + title
        _draw_host(axes, one, place, looks, left, top)
        if has_owners:
            text = _moment_text(one)
            size = style.points(figure).tick
            axes.text(left, top - 0.6, text, fontsize=size, va="bottom", ha="left")
    if has_owners:
        free = Patch(facecolor=_FREE, edgecolor=_EDGE, label="free")
        owned = [
            Patch(facecolor=look.colour, edgecolor=_EDGE, label=f"vNode {style.level_name(level)}")
            for level, look in looks.items()
        ]
        style.legend_above(figure, [*owned, free])
    return figure


def _draw_host(
    axes: Axes,
    table: pd.DataFrame,
    place: _Place,
    looks: dict[float, palette.Look],
    left: float,
    top: float,
) -> None:
    """Draw one host with its upper left corner there."""
    for node, (x, y, width, height) in place.nodes.items():
        if "level" not in table:
            name, size = f"NUMA node {node}", _NUMBER_POINTS + 1
            axes.text(left + x, top + y - 0.15, name, fontsize=size, va="bottom", ha="left")
        frame = Rectangle((left + x, top + y), width, height, fill=False, edgecolor=_EDGE, lw=0.7)
        axes.add_patch(frame)
    for x, y, width, height in place.caches:
        axes.add_patch(Rectangle((left + x, top + y), width, height, facecolor=_CACHE, lw=0))
    levels = table["level"].tolist() if "level" in table else [float("nan")] * len(table)
    for cpu, level in zip(table["cpu"].tolist(), levels, strict=True):
        x, y = place.cpus[cpu]
        colour = _FREE if isnan(level) else looks[level].colour
        cell = Rectangle((left + x, top + y), 1, 1, facecolor=colour, edgecolor=_EDGE, lw=0.3)
        axes.add_patch(cell)
        if "level" not in table:
            axes.text(
                *(left + x + 0.5, top + y + 0.53, str(cpu)),
                ha="center",
                va="center",
                fontsize=_NUMBER_POINTS,
            )


def _place(table: pd.DataFrame, cells_wide: float, label: float) -> _Place:
    """Return where each CPU is, caches flowing from left to right, NUMA nodes one under another.

    Args:
        table: what `topology_table` returns.
        cells_wide: width that there is.
        label: height for the name of a NUMA node.
    """
    cpus: dict[int, tuple[float, float]] = {}
    caches: list[tuple[float, float, float, float]] = []
    nodes: dict[int, tuple[float, float, float, float]] = {}
    top, widest = 0.0, 0.0
    for node, of_node in table.groupby("numa_node"):
        top += label
        x, y, row_height = _GAP, top + _GAP, 0.0
        for _, of_cache in of_node.groupby("cache"):
            cells, width, height = _cells(of_cache, int(cells_wide - 3 * _GAP))
            if x > _GAP and x + width + 2 * _GAP > cells_wide:
                x, y, row_height = _GAP, y + row_height + _GAP, 0.0
            caches.append((x, y, width + _GAP, height + _GAP))
            cpus |= {
                cpu: (x + _GAP / 2 + column, y + _GAP / 2 + row)
                for cpu, (column, row) in cells.items()
            }
            x += width + 2 * _GAP
            row_height = max(row_height, height + _GAP)
            widest = max(widest, x)
        bottom = y + row_height + _GAP
        nodes[int(str(node))] = (0.0, top, widest, bottom - top)
        top = bottom + _GAP
    framed = {node: (x, y, widest, height) for node, (x, y, _, height) in nodes.items()}
    return _Place(cpus, caches, framed, widest, top - _GAP)


def _cells(of_cache: pd.DataFrame, most: int) -> tuple[dict[int, tuple[int, int]], int, int]:
    """Return the column and row of each CPU of a cache, and how many columns and rows there are.

    Args:
        of_cache: the CPUs that share it.
        most: columns that there is room for.
    """
    cores = [rows["cpu"].tolist() for _, rows in of_cache.groupby("core")]
    threads = max(map(len, cores))
    lines = -(-len(cores) // max(1, min(most, _CORES_ABREAST)))
    abreast = -(-len(cores) // lines)
    cells = {
        cpu: (number % abreast, number // abreast * threads + thread)
        for number, core in enumerate(cores)
        for thread, cpu in enumerate(core)
    }
    return cells, abreast, lines * threads


def _moment_text(table: pd.DataFrame) -> str:
    """Return the title of a moment: its time, and how many CPUs vNodes own in all."""
    owned = int(table["level"].notna().sum())
    return f"{_duration_text(table['moment_s'].iloc[0])}: {owned} of {len(table)} CPUs owned"


def _duration_text(seconds: float) -> str:
    """Return a time in the largest unit that it has one of."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:g} s"
