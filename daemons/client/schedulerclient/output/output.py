"""Printing: tables and lines for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import click

from schedulerclient.output.table import EMPTY, Column, print_lines, print_table, styled
from schedulerclient.output.text import printable


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
    *,
    text: Sequence[str] = (),
    spare: Sequence[str] = (),
    wide: bool = False,
) -> None:
    """Print a table: with lines and colours on a terminal, else one line per row and words only.

    Args:
        head: a name per column.
        rows: as many cells each; an empty one is printed as `-`, so that columns can be counted.
        numbers: the columns whose cells are aligned right.
        optional: the columns that a terminal shows only if a cell is not empty.
        text: the columns of sentences, which a narrow terminal folds between words.
        spare: the columns that a narrow terminal leaves out, the first one first.
        wide: show all columns, even if lines become longer than the terminal is wide.
    """
    ranks = {name: rank for rank, name in enumerate(reversed(spare), start=1)}
    columns = [
        Column(name, name in numbers, name in optional, name in text, ranks.get(name, 0))
        for name in head
    ]
    if is_terminal(sys.stdout):
        print_table(columns, rows, wide=wide)
    else:
        print_lines(columns, rows)


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair per line; a value is printed whole."""
    named = [(f"{name}:", printable(value) or EMPTY) for name, value in fields]
    width = max(len(name) for name, _ in named)
    colours = is_terminal(sys.stdout)
    for name, value in named:
        head, body = name.ljust(width), value
        if colours:
            head, body = styled(head, is_head=True), styled(value)
        click.echo(f"{head}  {body}", color=colours or None)


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
