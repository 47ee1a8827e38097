"""The reason that is reported on a machine that cannot run hosts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from libvirt_hosts import hosts


@pytest.fixture
def why_not() -> Callable[[], str | None]:
    """`why_not` without what it remembers."""
    return hosts.why_not.__wrapped__


def test_without_root_the_reason_is_root(
    why_not: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert why_not() == "libvirt hosts need root"


def test_a_missing_package_is_named_in_the_command_that_installs_it(
    why_not: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if hosts.shutil.which("dpkg-query") is None:
        pytest.skip("needs Debian: there is no dpkg-query")
    packages = tmp_path / "debian-packages"
    packages.write_text("# comment\n\nno-such-package-a # why\nbase-files\nno-such-package-b\n")
    monkeypatch.setattr(hosts, "PACKAGES", packages)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert hosts.missing_packages() == ["no-such-package-a", "no-such-package-b"]
    reason = why_not()
    assert reason is not None
    assert reason.endswith("apt-get install no-such-package-a no-such-package-b")


def test_without_debian_the_reason_is_debian(
    why_not: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")
    assert why_not() == "libvirt hosts need Debian: there is no dpkg-query"


def test_without_libvirt_python_the_reason_is_that_module(
    why_not: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/dpkg-query")
    monkeypatch.setattr(hosts, "missing_packages", list)
    monkeypatch.setattr(hosts, "find_spec", lambda _: None)
    assert why_not() == "the Python module libvirt is missing: pip install libvirt-python"
