"""Rotation of an operations log, interrupted at each step."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from slackvm.formats import rotation
from slackvm.formats.operations import Journal
from slackvm.formats.operations_files import contiguous_files, read_entries


class Killed(BaseException):
    """The process ends here."""


def line(seq: int) -> bytes:
    return b'{"seq": %d, "text": "%s"}\n' % (seq, b"x" * 1000)


def written(path: Path, files: int, lines: int = 200) -> Journal:
    """Return a log with some older files, each of some lines."""
    journal = Journal(path)
    for file in range(files + 1):
        for _ in range(lines):
            journal.append(line(journal.seq + 1), journal.seq + 1, durably=False)
        if file < files:
            journal.rotate(line(journal.seq + 1), journal.seq + 1)
    return journal


def seqs(path: Path, after: int = 0) -> list[int]:
    return [entry["seq"] for entry in read_entries(path, after, 10**6, 10**9)[0]]


def test_entries_are_found_in_all_files(tmp_path: Path) -> None:
    path = tmp_path / "operations.jsonl"
    journal = written(path, files=2)
    assert [each.name for each in contiguous_files(path)] == [
        *("operations.jsonl.2", "operations.jsonl.1", "operations.jsonl"),
    ]
    assert seqs(path) == list(range(1, journal.seq + 1))
    for after in range(0, journal.seq + 3, 7):
        assert seqs(path, after) == list(range(after + 1, journal.seq + 1))
        assert [e["seq"] for e in read_entries(path, after, 3)[0]] == seqs(path, after)[:3]
    journal.close()


def test_the_oldest_files_are_removed_and_the_first_entry_says_so(tmp_path: Path) -> None:
    path = tmp_path / "operations.jsonl"
    journal = written(path, files=rotation.KEPT_FILES + 2, lines=5)
    entries, first = read_entries(path, 0, 10**6)
    assert len(list(tmp_path.iterdir())) == rotation.KEPT_FILES + 1
    assert first == entries[0]["seq"] > 1
    assert entries[-1]["seq"] == journal.seq
    journal.close()


@pytest.mark.parametrize("older", [0, 1, rotation.KEPT_FILES])
def test_a_rotation_that_ends_at_any_step_loses_nothing(
    older: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kill_at in count(1):
        path = tmp_path / str(kill_at) / "operations.jsonl"
        path.parent.mkdir()
        journal = written(path, older, lines=3)
        newest = [seq for seq in seqs(path) if seq > 4]
        steps = count(1)

        def dying(original: Callable[..., Any], steps=steps, kill_at=kill_at) -> Callable[..., Any]:
            def step(*given: Any, **more: Any) -> Any:
                if next(steps) == kill_at:
                    raise Killed
                return original(*given, **more)

            return step

        with monkeypatch.context() as patch:
            for name in ("fsync", "link"):
                patch.setattr(rotation.os, name, dying(getattr(os, name)))
            for name in ("rename", "replace", "unlink"):
                patch.setattr(Path, name, dying(getattr(Path, name)))
            try:
                journal.rotate(line(journal.seq + 1), journal.seq + 1)
            except Killed:
                is_killed = True
            else:
                is_killed = False
        journal.close()
        again = Journal(path)
        again.append(line(again.seq + 1), again.seq + 1)
        found = seqs(path)
        assert found == list(range(found[0], again.seq + 1))
        assert set(newest) <= set(found)
        names = {each.name for each in path.parent.iterdir()}
        assert names == {each.name for each in contiguous_files(path)}
        again.close()
        if not is_killed:
            break
    assert kill_at > 3
