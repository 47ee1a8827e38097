"""pytest fixtures: libvirt hosts and a guest. A test module says

    pytest_plugins = ["libvirt_hosts.fixtures"]

and its tests are skipped, with the reason, on a machine that cannot run such hosts.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from libvirt_hosts.hosts import LibvirtHost, build_guest, why_not


@pytest.fixture(scope="session")
def _hosts_work() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def guest_image(_hosts_work: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest's bootable disk, for all tests: run guests on an `overlay` of it."""
    path = tmp_path_factory.mktemp("guest") / "guest.qcow2"
    build_guest(path)
    return path


@pytest.fixture(scope="module")
def libvirt_host(_hosts_work: None) -> Iterator[LibvirtHost]:
    """A host for all tests of a module; each removes what it defined and leaves libvirtd up."""
    with LibvirtHost() as host:
        yield host


@pytest.fixture
def new_libvirt_host(_hosts_work: None) -> Iterator[Callable[..., LibvirtHost]]:
    """A function as `LibvirtHost`, whose hosts are up, and taken down after the test."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(LibvirtHost(*args, **kwargs))
