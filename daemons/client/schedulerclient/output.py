"""Answers as they are printed: tables and lines for people, JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schedulerclient.text import printable

_STYLES = {
    **dict.fromkeys(("ready", "running"), "green"),
    **dict.fromkeys(("not_ready", "overcommitted", "unknown", "crashed"), "red"),
    **dict.fromkeys(("stopped", "paused", "cordoned"), "yellow"),
}
"""How words look on a terminal."""

_WIDE = 100_000
"""Columns of what is no terminal: enough for any line."""


def show_json(document: Any) -> None:
    """Print a document in one line, in ASCII: nothing in it does anything to a terminal."""
    click.echo(json.dumps(document))


def show_line(text: str) -> None:
    """Print a line."""
    click.echo(printable(text))


def show_table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str]) -> None:
    """Print a table: with lines and colours on a terminal, else one line per row and words only.

    Args:
        head: a name per column.
        rows: as many cells each; an empty one is printed as `-`, so that columns can be counted.
        numbers: the columns whose cells stand at the right.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        table.add_column(name, justify="right" if name in numbers else "left")
    for row in rows:
        table.add_row(*map(_cell, row))
    _print(table)


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in fields:
        table.add_row(f"{name}:", _cell(value))
    _print(table)


def _print(table: Table) -> None:
    console = Console()
    if console.is_terminal:
        console.print(table)
        return
    table.box = None
    console = Console(width=_WIDE, color_system=None)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def _cell(text: str) -> Text:
    return Text(printable(text) or "-", style=_STYLES.get(text, ""), overflow="fold")
