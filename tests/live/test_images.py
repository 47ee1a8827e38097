"""Images and overlays, with the real qemu-img."""

import os
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("libvirt", reason="the Python module libvirt is missing")
pytest.importorskip("lxml", reason="the Python module lxml is missing")

from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.images import qemu_img
from schedulerlocal.images.images import (
    Use,
    check_format,
    check_use,
    find_image,
)
from schedulerlocal.images.overlays import Overlays
from schedulerlocal.images.storage import (
    MAX_WORK,
    Storage,
    StorageHungError,
)
from slackvm.deadline import Deadline

UUID = "3f1c9a52-3a0c-4a52-9d0e-0c3f8f6b1a11"
OUTSIDE = "secret.qcow2"


@pytest.fixture(autouse=True)
def _qemu_img() -> None:
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is missing (Debian package qemu-utils)")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of images; beside it, outside, is an image of another user."""
    folder = tmp_path / "images"
    folder.mkdir()
    qcow2(tmp_path / OUTSIDE)
    return folder


def qcow2(path: Path, *options: str | Path) -> Path:
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *map(str, options), str(path), "16M"]
    subprocess.run(command, check=True)
    return path


def based_on(backing: str | Path, path: Path, backing_format: str = "qcow2") -> Path:
    return qcow2(path, "-u", "-F", backing_format, "-b", backing)


def checked(image: str | Path, folder: Path) -> Path:
    path = find_image(str(image), [folder])
    check_format(path, [folder], Deadline(10))
    return path


def code_of(action: Callable[..., object], *args: object) -> str:
    with pytest.raises(HypervisorError) as refused:
        action(*args)
    return refused.value.code


# Where an image lies ----------------------------------------------------------------------------


def test_an_image_is_found_with_links_resolved(images: Path, tmp_path: Path) -> None:
    image = qcow2(images / "a'\"<&> ü.qcow2")
    (images / "link").symlink_to(image.name)
    (tmp_path / "link-to-folder").symlink_to(images)
    assert checked(image, images) == image
    assert checked(images / "link", images) == image
    through = tmp_path / "link-to-folder"
    assert checked(through / "link", through) == image
    assert checked(image, through) == image


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("", "image_invalid"),
        ("a.qcow2", "image_invalid"),
        ("-a.qcow2", "image_invalid"),
        ("{}/a\0.qcow2", "image_invalid"),
        ("{}/a\n.qcow2", "image_invalid"),
        ("{}/\udcff.qcow2", "image_invalid"),
        ("{}/../secret.qcow2", "image_invalid"),
        ("{}/../images/a.qcow2", "image_invalid"),
        ('json:{{"driver":"qcow2","file":{{"driver":"file","filename":"{}/a"}}}}', "image_invalid"),
        ("nbd://127.0.0.1/x", "image_invalid"),
        ("file:{}/a", "image_invalid"),
        ("{}/" + "a" * 300, "image_invalid"),
        ("{}/missing", "image_not_found"),
        ("{}/a.qcow2/b", "image_not_found"),
        ("{}", "image_invalid"),
        ("{}/pipe", "image_invalid"),
        ("{}/loop", "image_invalid"),
        ("{}/text", "image_invalid"),
        ("{}/empty", "image_invalid"),
        ("{}/out", "image_outside"),
        ("{}/out-folder/secret.qcow2", "image_outside"),
        ("{}-but-not-it/a", "image_outside"),
        ("/etc/passwd", "image_outside"),
        ("/no/such/file", "image_outside"),
    ],
)
def test_a_path_that_is_not_an_allowed_image_is_refused(
    image: str, code: str, images: Path
) -> None:
    qcow2(images / "a.qcow2")
    os.mkfifo(images / "pipe")
    (images / "loop").symlink_to("loop")
    (images / "text").write_text("hello" * 100)
    (images / "empty").touch()
    (images / "out").symlink_to(images.parent / OUTSIDE)
    (images / "out-folder").symlink_to(images.parent)
    assert code_of(checked, image.format(images), images) == code


# What an image is -------------------------------------------------------------------------------


def test_backing_files_in_the_folder_are_fine(images: Path) -> None:
    qcow2(images / "base.qcow2")
    based_on("base.qcow2", images / "middle.qcow2")
    top = based_on(images / "middle.qcow2", images / "top.qcow2")
    assert checked(top, images) == top
    (images / "base.raw").write_bytes(bytes(1 << 20))
    raw = based_on("base.raw", images / "on-raw.qcow2", "raw")
    assert checked(raw, images) == raw


@pytest.mark.parametrize(
    "backing",
    [
        "../secret.qcow2",
        "{}/secret.qcow2",
        "out/secret.qcow2",
        # as text this is images/a.qcow2, and for the kernel it is outside
        "deep/../a.qcow2",
        "/etc/passwd",
        "missing.qcow2",
        "nbd://127.0.0.1:10809/x",
        'json:{{"driver":"qcow2","file":{{"driver":"file","filename":"/etc/passwd"}}}}',
        "file:/etc/passwd",
    ],
)
def test_a_backing_file_elsewhere_is_refused(backing: str, images: Path, tmp_path: Path) -> None:
    qcow2(images / "a.qcow2")
    (images / "out").symlink_to(tmp_path)
    (tmp_path / "far" / "deep").mkdir(parents=True)
    qcow2(tmp_path / "far" / "a.qcow2")
    (images / "deep").symlink_to(tmp_path / "far" / "deep")
    based_on(backing.format(tmp_path), images / "middle.qcow2")
    top = based_on("middle.qcow2", images / "top.qcow2")
    assert code_of(checked, top, images) == "image_invalid"


def test_a_loop_of_backing_files_is_refused(images: Path) -> None:
    loop = based_on("loop.qcow2", images / "loop.qcow2")
    assert code_of(checked, loop, images) == "image_invalid"


def test_a_backing_file_without_a_format_is_refused(images: Path) -> None:
    qcow2(images / "base.qcow2")
    top = based_on("base.qcow2", images / "top.qcow2")
    data = top.read_bytes()
    assert struct.pack(">I", 0xE2792ACA) in data[:200]
    # the extension that names the format becomes one that nobody knows
    top.write_bytes(data.replace(struct.pack(">I", 0xE2792ACA), b"\0\0\0\1", 1))
    assert code_of(checked, top, images) == "image_invalid"


def test_an_image_with_its_data_in_another_file_is_refused(images: Path, tmp_path: Path) -> None:
    outside = tmp_path / "victim"
    image = qcow2(images / "a.qcow2", "-o", f"data_file={outside}")
    outside.write_text("keep me")
    assert code_of(checked, image, images) == "image_invalid"
    assert outside.read_text() == "keep me"


def test_damaged_headers_are_refused(images: Path) -> None:
    whole = qcow2(images / "a.qcow2").read_bytes()
    for position in range(0, 112, 3):
        damaged = images / f"{position}.qcow2"
        damaged.write_bytes(whole[:position] + b"\xff\xff\xff" + whole[position + 3 :])
        try:
            checked(damaged, images)
        except HypervisorError as error:
            assert error.code == "image_invalid"  # noqa: PT017 - some bytes do not matter


def test_an_image_with_too_long_information_is_refused(images: Path) -> None:
    image = qcow2(images / "a.qcow2")
    qemu_img_output = qemu_img.image_info(image, Deadline(10))
    assert qemu_img_output["format"] == "qcow2"
    before, qemu_img.MAX_OUTPUT = qemu_img.MAX_OUTPUT, 100
    try:
        assert code_of(checked, image, images) == "image_invalid"
    finally:
        qemu_img.MAX_OUTPUT = before


# Who uses an image ------------------------------------------------------------------------------


@pytest.fixture
def chain(images: Path) -> tuple[Path, Path]:
    base = qcow2(images / "base.qcow2")
    return base, based_on("base.qcow2", images / "top.qcow2")


def test_a_vm_that_writes_its_image_is_the_only_user(chain: tuple[Path, Path]) -> None:
    base, top = chain
    other = Use("other", base.with_name("other"), is_written=True)
    check_use(base, False, [other])
    for clone in (False, True):
        writer = Use("writer", base, is_written=True)
        assert code_of(check_use, base, clone, [other, writer]) == "image_in_use"
        assert code_of(check_use, top, clone, [writer]) == "image_in_use"


def test_clones_share(chain: tuple[Path, Path]) -> None:
    base, top = chain
    reader = Use("clone", base, is_written=False)
    check_use(base, True, [reader, reader])
    check_use(top, True, [reader])
    # it would write what the clone rests on
    assert code_of(check_use, base, False, [reader]) == "image_in_use"
    check_use(top, False, [reader])


def test_the_backing_files_of_a_stopped_vm_are_in_use(chain: tuple[Path, Path]) -> None:
    base, top = chain
    writer = Use("writer", top, is_written=True)
    assert code_of(check_use, base, False, [writer]) == "image_in_use"
    check_use(base, True, [writer])


def test_a_file_is_recognised_under_all_its_names(chain: tuple[Path, Path]) -> None:
    base, _ = chain
    hard = base.with_name("hard.qcow2")
    hard.hardlink_to(base)
    soft = base.with_name("soft.qcow2")
    soft.symlink_to(base)
    for name in (hard, soft):
        use = Use("other", name, is_written=True)
        assert code_of(check_use, base, False, [use]) == "image_in_use"


def test_a_vm_without_its_disk_does_not_block_others(chain: tuple[Path, Path]) -> None:
    base, _ = chain
    check_use(base, False, [Use("other", Path("/no/such/disk"), is_written=True)])


# Overlays ---------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def made(overlays: Overlays, image: Path) -> Path:
    overlays.mark(UUID)
    return overlays.create(UUID, image, Deadline(10))


def test_an_overlay_starts_as_the_image_and_does_not_change_it(
    images: Path, tmp_path: Path
) -> None:
    image = qcow2(images / "a,b='\"%s.qcow2")
    before = image.read_bytes()
    overlays = Overlays(tmp_path / "state" / "overlays")
    path = made(overlays, image)
    message = qemu_img.image_info(path, Deadline(10))
    assert message["backing-filename"] == str(image)
    assert message["backing-filename-format"] == "qcow2"
    assert path.stat().st_mode & 0o777 == 0o640
    for folder in (tmp_path / "state", tmp_path / "state" / "overlays"):
        assert folder.stat().st_mode & 0o777 == 0o711, "QEMU passes through, and lists nothing"
    overlays.remove(UUID)
    overlays.remove(UUID)
    assert not path.exists()
    assert image.read_bytes() == before


def test_a_full_disk_is_reported_and_nothing_is_left(images: Path, small_disk: Path) -> None:
    image = qcow2(images / "a.qcow2")
    overlays = Overlays(small_disk)
    assert code_of(made, overlays, image) == "storage_full"
    assert not overlays.path(UUID).exists()
    overlays.unmark(UUID)
    assert list(small_disk.iterdir()) == []


def test_only_leftovers_of_a_crash_are_deleted(images: Path, tmp_path: Path) -> None:
    image = qcow2(images / "a.qcow2")
    folder = tmp_path / "overlays"
    made(Overlays(folder), image)
    (folder / "note.unsettled").touch()
    settled = UUID.replace("3", "4")
    qcow2(folder / f"{settled}.qcow2")

    after = Overlays(folder)
    leftovers = after.leftovers()
    assert leftovers == {UUID}
    after.sweep(leftovers, present={UUID})
    assert after.path(UUID).exists()
    assert after.leftovers() == set()

    made(Overlays(folder), image)
    with after.held(UUID):
        assert after.leftovers() == set()
    assert after.leftovers() == set(), "an operation that was held may still happen for a while"
    again = Overlays(folder)
    again.sweep(again.leftovers(), present=())
    assert not again.path(UUID).exists()
    assert {path.name for path in folder.iterdir()} == {f"{settled}.qcow2", "note.unsettled"}


@pytest.mark.parametrize("uuid", ["../../etc/passwd", "", "x", "/etc/passwd"])
def test_only_a_uuid_names_an_overlay(uuid: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="UUID"):
        Overlays(tmp_path).path(uuid)


# Storage that hangs -----------------------------------------------------------------------------


def test_hanging_storage_is_abandoned_and_its_threads_are_limited() -> None:
    storage, released = Storage(), threading.Event()
    before = threading.active_count()
    for _ in range(MAX_WORK + 3):
        began = time.monotonic()
        with pytest.raises(StorageHungError):
            storage.run("image", released.wait, Deadline(0.05))
        assert time.monotonic() - began < 5
    assert threading.active_count() - before <= MAX_WORK
    released.set()
    assert storage.run("image", lambda: 42, Deadline(10)) == 42


def test_a_qemu_img_that_hangs_is_ended(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = qcow2(images / "a.qcow2")
    stub = tmp_path / "bin" / "qemu-img"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nexec sleep 600\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent), prepend=os.pathsep)
    began = time.monotonic()
    with pytest.raises(StorageHungError):
        qemu_img.image_info(image, Deadline(0.2))
    assert time.monotonic() - began < 5
