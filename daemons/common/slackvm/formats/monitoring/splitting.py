"""Rows of CSV as coded columns, by the parts that repeat.

Nearly every row ends as some row before it does: same size, vNode and VM. So a row is cut into its
beginning (time, record, resource), its use and its end. Each beginning and each end that occurs is
read once, and a row is a number for each.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from slackvm.formats.contents import BOM
from slackvm.formats.monitoring.record import COLUMNS

TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = dict.fromkeys(COLUMNS, TEXT) | {"val": pa.float64()}
"""How each column is read: numbers for use, texts for all others."""

_TAB = ord("\t")
_USE = COLUMNS.index("val")
_BEGINNING, _END = COLUMNS[:_USE], COLUMNS[_USE + 1 :]


@dataclass(frozen=True)
class Part:
    """Some columns of rows.

    Attributes:
        different: each combination of the columns' texts that occurs, once.
        codes: index of each row's combination, shape (rows,).
    """

    different: pa.Table
    codes: NDArray[np.int32]


@dataclass(frozen=True)
class SplitRows:
    """Rows by parts.

    Attributes:
        uses: `val`, shape (rows,).
        parts: all other columns.
    """

    uses: NDArray[np.float64]
    parts: tuple[Part, ...]


def split_rows(text: pa.Buffer, ends: NDArray[np.int64]) -> SplitRows | None:
    """Return rows by parts.

    Args:
        text: the rows, each with its newline.
        ends: where each row begins in `text` and, last, where the last one ends, shape (rows + 1,).

    Returns:
        The rows; None where one is not eleven fields or a use is not written as a plain number.
        `parse_csv` then finds what is wrong, or reads what else is allowed.
    """
    rows = len(ends) - 1
    found = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _TAB)
    if len(found) != rows * (len(COLUMNS) - 1):
        return None
    tabs = found.reshape(rows, -1)
    if np.any(tabs[:, 0] < ends[:-1]) or np.any(tabs[:, -1] >= ends[1:]):
        return None
    before, behind = tabs[:, _USE - 1], tabs[:, _USE]
    try:
        uses = _pieces(text, before + 1, behind).drop_null().cast(pa.string()).cast(pa.float64())
        parts = (
            _part(_pieces(text, ends[:-1], before), _BEGINNING),
            _part(_pieces(text, behind + 1, ends[1:] - 1), _END),
        )
    except pa.ArrowInvalid:
        return None
    return SplitRows(np.from_dlpack(uses).astype(np.float64, copy=False), parts)


def parse_csv(text: pa.Buffer, columns: tuple[str, ...] = COLUMNS) -> pa.Table:
    """Return rows of these columns as a table of the types `TYPES`.

    Raises:
        pyarrow.ArrowInvalid: they are not rows of so many fields.
    """
    if bytes(text[: len(BOM)]) == BOM:
        raise pa.ArrowInvalid("a byte order mark, which Arrow would leave out, inside the file")
    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        read_options=pyarrow.csv.ReadOptions(
            column_names=list(columns), use_threads=False, block_size=text.size
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: TYPES[name] for name in columns},
            null_values=[],
            strings_can_be_null=False,
        ),
    )


def _pieces(text: pa.Buffer, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> pa.Array:
    """Return a piece of each row, and a null for what stands between it and the next piece.

    So no byte is copied: the texts of an array of Arrow stand one behind the other.
    """
    offsets = np.empty(2 * len(begins) + 1, dtype=np.int32)
    offsets[:-1:2], offsets[1::2], offsets[-1] = begins, ends, text.size
    valid = np.packbits(np.tile([True, False], len(begins)), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), text]
    return pa.Array.from_buffers(pa.binary(), 2 * len(begins), buffers, null_count=len(begins))


def _part(pieces: pa.Array, columns: tuple[str, ...]) -> Part:
    """Return the columns that pieces of rows hold.

    Raises:
        pyarrow.ArrowInvalid: a piece is not so many fields.
    """
    coded = pieces.dictionary_encode()
    lines = b"".join(b"%b\n" % piece for piece in coded.dictionary.to_pylist())
    different = parse_csv(pa.py_buffer(lines), columns)
    if len(different) != len(coded.dictionary):
        raise pa.ArrowInvalid("a stray line break")
    codes = np.frombuffer(coded.indices.buffers()[1], dtype=np.int32)
    return Part(different, codes[: len(coded) : 2])
