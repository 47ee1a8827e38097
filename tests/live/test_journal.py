"""The operations log of a daemon on a disk that takes no more."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slackvm.formats.files import atomic_write, remove_leftovers
from slackvm.formats.operations import Journal


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 5])
def test_a_line_that_does_not_fit_is_removed_and_can_be_written_later(
    room: int, tmp_path: Path
) -> None:
    path = tmp_path / "operations.jsonl"
    journal = Journal(path)
    lines = [b'{"seq": %d}\n' % seq for seq in (1, 2, 3)]
    journal.append(lines[0], 1)
    for _ in range(2):
        with files_no_larger_than(len(lines[0]) + room), pytest.raises(OSError, match="too large"):
            journal.append(lines[1], 2)
        assert (path.read_bytes(), journal.seq) == (lines[0], 1)
    for seq in (2, 3):
        journal.append(lines[seq - 1], seq)
    journal.close()
    assert path.read_bytes() == b"".join(lines)
    assert journal.seq == 3


def test_leftovers_of_an_interrupted_write_can_be_removed(tmp_path: Path) -> None:
    path, other = tmp_path / "state.json", tmp_path / "state.json.old"
    for each in (path, other):
        each.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        left = temporary.with_name(f"{temporary.name}x")
        left.write_text("half of it")
    remove_leftovers(path)
    assert not left.exists()
    assert (path.read_text(), other.read_text()) == ("new", "old")
