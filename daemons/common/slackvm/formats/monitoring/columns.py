"""A recording as coded columns: each text that occurs once, and a number per row.

Nearly all of a recording repeats, so rules are checked once per text instead of once per row.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slackvm.formats.monitoring.record import COLUMNS, TraceError
from slackvm.formats.monitoring.splitting import TEXT, TYPES, SplitRows

_SCAN = 1 << 22


@dataclass(frozen=True)
class Coded:
    """A column of texts: `texts[codes[row]]`.

    Attributes:
        codes: shape (rows,).
        texts: each text that occurs, once.
    """

    codes: NDArray[np.int32]
    texts: list[str]

    def first_row(self, code: int) -> int:
        """Return the first row that holds the text of this code."""
        return int(np.argmax(self.codes == code))


@dataclass(frozen=True)
class Lines:
    """Rows as the bytes that stand for them in a CSV file.

    Attributes:
        data: the bytes.
        ends: where each row ends, behind its newline, shape (rows + 1,); the first entry is where
            the first row begins.
    """

    data: bytes
    ends: NDArray[np.int64]

    def __getitem__(self, row: int) -> bytes:
        """Return one row with its newline."""
        return self.data[self.ends[row] : self.ends[row + 1]]


def line_ends(data: bytes) -> NDArray[np.int64]:
    """Return the position behind each newline of `data`, shape (newlines,)."""
    everything = np.frombuffer(data, dtype=np.uint8)
    newline = ord("\n")
    found = [
        np.flatnonzero(everything[start : start + _SCAN] == newline) + (start + 1)
        for start in range(0, len(data), _SCAN)
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


class Columns:
    """The columns of one file, filled piece by piece.

    Attributes:
        path: the file.
        values: use of each row, shape (rows,).
        lines: the rows as CSV; none where they were not asked for.
        filled: rows so far.
    """

    def __init__(self, path: Path, rows: int, first_line: int) -> None:
        self.path = path
        self.values = np.empty(rows, dtype=np.float64)
        self.lines = Lines(b"", np.zeros(1, dtype=np.int64))
        self._first_line = first_line
        self.filled = 0
        names = [name for name in COLUMNS if TYPES[name] == TEXT]
        self._codes = {name: np.empty(rows, dtype=np.int32) for name in names}
        self._known: dict[str, dict[str, int]] = {name: {} for name in names}

    def add(self, piece: pa.Table) -> None:
        """Append the next rows: a table with the columns `COLUMNS` of the types `TYPES`."""
        piece = piece.unify_dictionaries().combine_chunks()
        here = slice(self.filled, self.filled + piece.num_rows)
        # By DLPack: `to_numpy` would load pandas, which takes as long as 200,000 rows.
        self.values[here] = np.from_dlpack(piece.column("val").chunk(0))
        for name in self._known:
            self._codes[name][here] = self._numbers(name, piece.column(name).chunk(0))
        self.filled = here.stop

    def add_split(self, rows: SplitRows) -> None:
        """Append the next rows, given by parts."""
        here = slice(self.filled, self.filled + len(rows.uses))
        self.values[here] = rows.uses
        for part in rows.parts:
            different = part.different.combine_chunks()
            for name in different.column_names:
                numbers = self._numbers(name, different.column(name).chunk(0))
                np.take(numbers, part.codes, out=self._codes[name][here], mode="clip")
        self.filled = here.stop

    def _numbers(self, name: str, column: pa.DictionaryArray) -> NDArray[np.int32]:
        """Return the codes that a column's texts have in the whole file; new ones are added."""
        known = self._known[name]
        texts = column.dictionary.to_pylist()
        number = np.array([known.setdefault(text, len(known)) for text in texts], np.int32)
        return number[np.from_dlpack(column.indices).astype(np.int32, copy=False)]

    def take(self, name: str) -> Coded:
        """Return a column of texts, once: it is not kept, for it is large."""
        return Coded(self._codes.pop(name), list(self._known.pop(name)))

    def error(self, problem: str, row: int | None, column: str) -> TraceError:
        """Return an error about one row of a column; None: about the whole column."""
        line = None if row is None else row + self._first_line
        return TraceError(self.path, problem, line, column)
