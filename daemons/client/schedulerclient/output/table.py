"""Tables that fit the terminal: words, numbers and URLs are never folded."""

import os
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import click

from schedulerclient.output.text import printable

_COLOURS = {
    **dict.fromkeys(("ready", "running"), "green"),
    **dict.fromkeys(("not_ready", "overcommitted", "unknown", "crashed", "lost"), "red"),
    **dict.fromkeys(("stopped", "paused", "cordoned", "fenced"), "yellow"),
}
"""Colours of words on a terminal; other words, as those of a later release, have none."""

EMPTY = "-"
"""How an empty cell is printed, so that columns can be counted."""

_GAP = "  "
_LINE = "─"
_NARROWEST_TEXT = 24
"""Width below which a column of sentences is not folded further."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: its head.
        is_number: whether its cells are aligned right.
        is_optional: a terminal shows it only if a cell is not empty.
        is_text: its cells are sentences, which a narrow terminal folds between words.
        rank: 0: always shown; a narrow terminal leaves out those with the highest rank first.
    """

    name: str
    is_number: bool = False
    is_optional: bool = False
    is_text: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class _Shown:
    column: Column
    cells: list[str]
    width: int


def print_lines(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a line for the head and one per row, for programs: every column, words only."""
    _echo(_measured(columns, list(rows)), is_terminal=False)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, wide: bool) -> None:
    """Print a table for people on a terminal, in its width.

    Args:
        columns: the columns.
        rows: as many cells each; an empty one is printed as `-`.
        wide: show every column, even if lines become longer than the terminal is wide.
    """
    lines = list(rows)
    used = [
        place
        for place, column in enumerate(columns)
        if not column.is_optional or any(line[place] for line in lines)
    ]
    shown = _measured([columns[place] for place in used], [[r[p] for p in used] for r in lines])
    room = shutil.get_terminal_size().columns
    left_out = [] if wide else _left_out(shown, room)
    shown = [each for each in shown if each not in left_out]
    if not wide:
        shown = _folded(shown, room)
    _echo(shown, is_terminal=True)
    if left_out:
        names = ", ".join(each.column.name for each in left_out)
        click.echo(f"No room for {names}; --wide shows all columns.", err=True)


def _measured(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[_Shown]:
    found = []
    for place, column in enumerate(columns):
        cells = [column.name, *(printable(row[place]) or EMPTY for row in rows)]
        found.append(_Shown(column, cells, max(map(_width, cells))))
    return found


def _left_out(shown: Sequence[_Shown], room: int) -> list[_Shown]:
    """Return the columns for which the terminal is too narrow."""
    spare = sorted((each for each in shown if each.column.rank), key=lambda e: e.column.rank)
    left_out: list[_Shown] = []
    while spare and _least_width([each for each in shown if each not in left_out]) > room:
        left_out.append(spare.pop())
    return left_out


def _folded(shown: Sequence[_Shown], room: int) -> list[_Shown]:
    """Return the columns, those of sentences as narrow as the terminal needs them."""
    spare = room - _least_width(shown)
    folded = []
    for each in shown:
        width = each.width
        if each.column.is_text:
            least = min(width, _NARROWEST_TEXT)
            width = min(width, least + max(spare, 0))
            spare -= width - least
        folded.append(replace(each, width=width))
    return folded


def _least_width(shown: Sequence[_Shown]) -> int:
    widths = [
        min(each.width, _NARROWEST_TEXT) if each.column.is_text else each.width for each in shown
    ]
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _echo(shown: Sequence[_Shown], *, is_terminal: bool) -> None:
    lines = []
    for number in range(len(shown[0].cells)):
        lines += _lines_of(shown, number, is_terminal=is_terminal)
        if is_terminal and number == 0:
            lines.append(_GAP.join(_LINE * each.width for each in shown))
    click.echo("\n".join(lines), color=is_terminal or None)


def _lines_of(shown: Sequence[_Shown], number: int, *, is_terminal: bool) -> list[str]:
    """Return the lines of one row: several where a sentence is folded."""
    folded = [
        textwrap.wrap(each.cells[number], each.width)
        if is_terminal and each.column.is_text
        else [each.cells[number]]
        for each in shown
    ]
    lines = []
    for line in range(max(map(len, folded))):
        cells = []
        for each, parts in zip(shown, folded, strict=True):
            text = parts[line] if line < len(parts) else ""
            room = " " * (each.width - _width(text))
            shown_text = styled(text, is_head=number == 0) if is_terminal else text
            cells.append(room + shown_text if each.column.is_number else shown_text + room)
        lines.append(_GAP.join(cells).rstrip())
    return lines


def styled(text: str, *, is_head: bool = False) -> str:
    """Return a word in its colour, or a head in bold, unless `NO_COLOR` forbids it."""
    if "NO_COLOR" in os.environ:
        return text
    if is_head:
        return click.style(text, bold=True)
    return click.style(text, fg=_COLOURS[text]) if text in _COLOURS else text


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
