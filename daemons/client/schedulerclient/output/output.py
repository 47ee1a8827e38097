"""Printing: tables and lines for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from schedulerclient.output.text import printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_STYLES = {
    **dict.fromkeys(("ready", "running"), "green"),
    **dict.fromkeys(("not_ready", "overcommitted", "unknown", "crashed"), "red"),
    **dict.fromkeys(("stopped", "paused", "cordoned"), "yellow"),
}
"""Colours of words on a terminal; other words, as those of a later release, have none."""

_EMPTY = "-"
"""How an empty cell is printed, so that columns can be counted."""


def show_json(document: Any) -> None:
    """Print a document in one line, in ASCII: control characters are escaped."""
    click.echo(json.dumps(document))


def show_line(text: str) -> None:
    """Print a line."""
    click.echo(printable(text))


def show_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[str],
    optional: Sequence[str] = (),
) -> None:
    """Print a table: with lines and colours on a terminal, else one line per row and words only.

    Args:
        head: a name per column.
        rows: as many cells each; an empty one is printed as `-`, so that columns can be counted.
        numbers: the columns whose cells are aligned right.
        optional: the columns that a terminal, which is narrow, shows only if a cell is not empty.
    """
    if not is_terminal(sys.stdout):
        cells = [tuple(head), *(tuple(map(_plain, row)) for row in rows)]
        _print_lines(cells, [name in numbers for name in head])
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    lines = list(rows)
    shown = [
        column
        for column, name in enumerate(head)
        if name not in optional or any(line[column] for line in lines)
    ]
    for column in shown:
        table.add_column(head[column], justify="right" if head[column] in numbers else "left")
    for line in lines:
        table.add_row(*(_styled(line[column]) for column in shown))
    _print(table)


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair per line."""
    named = [(f"{name}:", value) for name, value in fields]
    if not is_terminal(sys.stdout):
        _print_lines([(name, _plain(value)) for name, value in named], [False, False])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in named:
        table.add_row(name, _styled(value))
    _print(table)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream gets lines and colours: it is a terminal, or they are forced.

    Args:
        stream: the stream; None: it was closed when the command started.
    """
    if stream is None:
        return False
    if not stream.isatty() and not {"FORCE_COLOR", "TTY_COMPATIBLE"} & set(os.environ):
        # rich takes longer to load than a request to answer.
        return False
    from rich.console import Console

    return Console(file=stream).is_terminal


def _print_lines(rows: Sequence[Sequence[str]], at_right: Sequence[bool]) -> None:
    """Print a line per row, with two spaces between columns."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for text, width, is_right in zip(row, widths, at_right, strict=True):
            room = " " * (width - _width(text))
            cells.append(room + text if is_right else text + room)
        lines.append("  ".join(cells).rstrip())
    click.echo("\n".join(lines))


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _print(table: "Table") -> None:
    from rich.console import Console

    Console().print(table)


def _plain(text: str) -> str:
    return printable(text) or _EMPTY


def _styled(text: str) -> "Text":
    from rich.text import Text

    return Text(_plain(text), style=_STYLES.get(text, ""), overflow="fold")
