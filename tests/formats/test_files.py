"""Which outputs are refused because they would overwrite an input or one another."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slackvm.formats.files import refuse_overwriting


def _symlink(folder: Path) -> Path:
    (folder / "other.csv").symlink_to("in.csv")
    return folder / "other.csv"


def _hard_link(folder: Path) -> Path:
    os.link(folder / "in.csv", folder / "other.csv")
    return folder / "other.csv"


def _linked_folder(folder: Path) -> Path:
    (folder / "elsewhere").symlink_to(folder)
    return folder / "elsewhere" / "in.csv"


SPELLINGS: list[Callable[[Path], Path]] = [
    lambda folder: folder / "in.csv",
    lambda folder: folder / "sub" / ".." / "in.csv",
    lambda folder: Path(os.path.relpath(folder / "in.csv")),
    _symlink,
    _hard_link,
    _linked_folder,
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text("precious")
    return tmp_path / "in.csv"


@pytest.mark.parametrize("spell", SPELLINGS)
def test_an_output_that_is_an_input_is_refused(source: Path, spell: Callable[[Path], Path]) -> None:
    output = spell(source.parent)
    with pytest.raises(ValueError, match="is an input") as refusal:
        refuse_overwriting([source.parent / "new.csv", output], [source])
    assert str(output) in str(refusal.value)
    assert str(source) in str(refusal.value)
    assert source.read_text() == "precious"


@pytest.mark.parametrize("spell", SPELLINGS)
def test_two_outputs_that_are_one_file_are_refused(
    source: Path, spell: Callable[[Path], Path]
) -> None:
    with pytest.raises(ValueError, match="written twice"):
        refuse_overwriting([source, spell(source.parent)], [])


@pytest.mark.parametrize(
    "second", ["new/out.csv", "new/./out.csv", "new/a/../out.csv", "b/out.csv"]
)
def test_two_outputs_that_do_not_exist_yet_are_compared(tmp_path: Path, second: str) -> None:
    (tmp_path / "b").symlink_to("new")
    with pytest.raises(ValueError, match="written twice"):
        refuse_overwriting([tmp_path / "new" / "out.csv", tmp_path / second], [])


@pytest.mark.parametrize("output", ["set.parquet", "set.parquet/out.csv", "set.parquet/a/b.csv"])
def test_an_output_in_an_input_folder_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "set.parquet").mkdir()
    with pytest.raises(ValueError, match=r"set\.parquet"):
        refuse_overwriting([tmp_path / output], [tmp_path / "set.parquet"])


def test_other_files_devices_pipes_and_standard_output_are_allowed(source: Path) -> None:
    fifo = source.parent / "fifo"
    os.mkfifo(fifo)
    missing = source.parent / "missing.csv"
    streams = [Path("-"), Path("/dev/null"), fifo]
    outputs = [*streams, *streams, source.parent / "new.csv", source.parent / "new" / "in.csv"]
    refuse_overwriting(outputs, [source, *streams, missing])


def test_a_file_on_standard_input_is_an_input(source: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from slackvm.formats.files import refuse_overwriting\n"
        "refuse_overwriting([Path('in.csv')], [Path(sys.argv[1])])"
    )
    for name in ("-", "/dev/stdin"):
        with source.open() as opened:
            result = subprocess.run(
                [sys.executable, "-c", code, name],
                stdin=opened,
                cwd=source.parent,
                capture_output=True,
                text=True,
                check=False,
            )
        assert "in.csv" in result.stderr
        assert "is an input, too" in result.stderr
