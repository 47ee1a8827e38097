"""The daemon starts, or ends at once and tells which setting is wrong and what is allowed."""

import socket
from pathlib import Path

import pytest

from command import slackvm_local
from live.daemons import serving
from schedulerlocal.backends.libvirt.settings import LibvirtSettings
from slackvm.settings import LocalSettings

LAPTOP = "--topology=i7-1185g7"  # 8 CPUs, 31776 MiB
TOKEN = "a-token-0123456789"  # noqa: S105 - of this test

REFUSED = {
    "SCL_URL": ("http://127.0.0.1:8099", "without http:// and without a port"),
    "SCL_PORT": ("65536", "less than or equal to 65535"),
    "SCL_DELAY": ("0", "greater than 0"),
    "SCL_NAME": ("-host", "begins with a letter or digit"),
    "SCL_LABELS": ("zone=a,disk", "a label is written key=value"),
    "SCL_IMAGE_DIRS": ("/images:images", "absolute paths are needed, separated by ':'"),
    "SCL_BOOT_WAIT": ("-1", "greater than or equal to 0"),
    "SCL_LOG_MIB": ("-1", "greater than or equal to 0"),
    "SCL_LEVELS": ("1.0,two", "as in 1.0,2.0,3.0"),
    "SCL_CPU_SELECTION": ("best", "known: paper, compact"),
    "SCL_MEM_RESERVED": ("half", "a valid integer"),
    "SCL_TIME_SCALE": ("0.5", "greater than or equal to 1"),
    "SCL_TOKEN": ("too-short", "16 or more printable ASCII characters"),
    "SCL_READ_TOKEN": ("a token with spaces", "16 or more printable ASCII characters"),
    "QEMU_URL": ("libvirt", "as in qemu:///system"),
    "QEMU_LOC": ("qemu-system-x86_64", "an absolute path is needed"),
    "QEMU_MACHINE": ("q35 pc", "as in q35"),
    "QEMU_DOMAIN_TYPE": ("xen", "'auto', 'kvm' or 'qemu'"),
    "QEMU_NETWORK": ("a/b", "as in default"),
    "OVSB_CRITICAL_SIZE": ("-1", "greater than or equal to 0"),
    "TOPO_EXCLUDE": ("4-2", "write it as 2-4"),
}
"""Values that are wrong by themselves, and what is said to be allowed."""

IMPOSSIBLE = {
    "SCL_HYPERVISOR": ("xen", {}, "there is no hypervisor 'xen'; installed are libvirt, memory"),
    "SCL_STATE_DIR": ("/dev/null", {}, "SCL_STATE_DIR: /dev/null: "),
    "SCL_TOKEN_FILE": ("/none.json", {}, "SCL_TOKEN_FILE: /none.json: cannot be read: "),
    "SCL_TLS_CERT": ("/none.pem", {"SCL_TLS_KEY": "/none.key"}, "/none.pem: there is no such"),
    "SCL_TLS_KEY": ("/none.key", {}, "SCL_TLS_CERT and SCL_TLS_KEY go together"),
    "SCL_TLS_CA": ("/none.pem", {}, "give SCL_TLS_CERT and SCL_TLS_KEY as well"),
    "SCL_READ_TOKEN": (TOKEN, {"SCL_TOKEN": TOKEN}, "SCL_READ_TOKEN: the read-only token is the"),
    "SCL_MEM_RESERVED": ("40000", {}, "SCL_MEM_RESERVED: 40000 MiB of memory cannot be reserved"),
    "TOPO_EXCLUDE": ("0-7", {}, "TOPO_EXCLUDE, SCL_MEM_RESERVED: every CPU is excluded"),
}
"""Values that cannot be had together with others, or on this machine."""


def error_of(folder: Path, settings: dict[str, str], expect: int = 2) -> str:
    """Return what the daemon says when it cannot start with these settings in its `.env`."""
    lines = {"SCL_HYPERVISOR": "memory", "SCL_STATE_DIR": f"{folder}/state", "SCL_PORT": "0"}
    lines |= settings
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return slackvm_local(LAPTOP, expect=expect, cwd=folder).stderr


def test_every_wrong_value_is_reported_with_its_name_and_what_is_allowed(tmp_path: Path) -> None:
    """All at once, so that they are mended at once."""
    wrong = {name: value for name, (value, _) in REFUSED.items()}
    message = error_of(tmp_path, {"SCL_HYPERVISOR": "libvirt", **wrong})
    for name, (value, allowed) in REFUSED.items():
        shown = "the value" if name.endswith("TOKEN") else repr(value)
        _, found, reason = message.partition(f"{name}: {shown} is not allowed: ")
        assert found, name
        assert allowed in reason.partition(" is not allowed: ")[0], name
    assert REFUSED["SCL_TOKEN"][0] not in message


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_missing_part_is_reported_with_the_name_of_its_setting(name: str, tmp_path: Path) -> None:
    value, others, message = IMPOSSIBLE[name]
    assert message in error_of(tmp_path, {name: value, **others})


def test_every_setting_is_tested_here() -> None:
    models = (LocalSettings, LibvirtSettings)
    known = {name.upper() for model in models for name in model.model_fields}
    assert {*REFUSED, *IMPOSSIBLE} == known


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - is refused
def test_a_network_address_needs_a_token(address: str, tmp_path: Path) -> None:
    message = error_of(tmp_path, {"SCL_URL": address})
    assert f"SCL_URL: '{address}' is not a loopback address, and there is no token" in message
    assert "Set SCL_TOKEN, or listen on 127.0.0.1" in message


def test_a_port_that_is_taken_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = error_of(tmp_path, {"SCL_PORT": str(port)}, expect=1)
    assert f"SCL_URL, SCL_PORT: cannot listen on 127.0.0.1 port {port}: " in message
    assert "Address already in use" in message
    assert message.count("\n") == 1


def test_listening_on_an_address_of_another_machine_is_an_error(tmp_path: Path) -> None:
    message = error_of(tmp_path, {"SCL_URL": "192.0.2.1", "SCL_TOKEN": TOKEN}, expect=1)
    assert "cannot listen on 192.0.2.1 port 0: " in message
    assert TOKEN not in message


@pytest.mark.parametrize("content", ["{", "[{}]"])
def test_a_file_of_simulated_vms_that_cannot_be_read_is_reported(
    content: str, tmp_path: Path
) -> None:
    """To begin without them would lose them."""
    guests = tmp_path / "state" / "guests.json"
    guests.parent.mkdir()
    guests.write_text(content)
    assert f"{guests}: the VMs of the memory hypervisor: " in error_of(tmp_path, {})
    assert guests.read_text() == content


def test_resources_of_the_system_are_reserved_of_a_topology_file_too(tmp_path: Path) -> None:
    """Also where the topology leaves out some of it already: that is no error."""
    kept = {"TOPO_EXCLUDE": "0,4,99", "SCL_MEM_RESERVED": "1776"}
    with serving(tmp_path, LAPTOP, **kept) as daemon:
        host = daemon.get("/v1/host")
    assert [cpu["cpu_id"] for cpu in host["topology"]] == [1, 2, 3, 5, 6, 7]
    assert host["memory_mib"] == 30_000
