"""Domain XML: values stay data, and are read back unchanged."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("libvirt", reason="the Python module libvirt is missing")
pytest.importorskip("lxml", reason="the Python module lxml is missing")

from lxml import etree

from schedulerlocal.backends.libvirt.disks import Disk, Volume, disks_of
from schedulerlocal.backends.libvirt.domain_xml import Platform, domain_xml, platform_of
from schedulerlocal.backends.libvirt.metadata import (
    NAMESPACE,
    TAG,
    finished_text,
    unfinished_element,
)
from schedulerlocal.backends.libvirt.observed import observed_vm, read_domain
from schedulerlocal.hypervisor import RUNNING, HypervisorError, VMSpec
from slackvm.model import VM

KVM = Platform("kvm", "x86_64", "pc-q35-7.2", "/usr/bin/qemu-system-x86_64", "host-passthrough")
TCG = Platform("qemu", "x86_64", "pc-i440fx-7.2", "/usr/bin/qemu-system-x86_64", "maximum")
UUID = "3f1c9a52-3a0c-4a52-9d0e-0c3f8f6b1a11"

HOSTILE = [
    "a'/><disk/>",
    '"><!--',
    "</name><name>b",
    "&amp;&lt;&#x41;",
    "]]>",
    "<![CDATA[x]]>",
    "%s{}${x}{{7*7}}",
    "ünï-コード-\U0001f600",
    "a,b=c;d:e|f`g$(h)",
    "--help",
]

printable = st.text(min_size=1, max_size=40).filter(str.isprintable)
file_names = printable.filter(lambda name: "/" not in name and name not in (".", ".."))


def order(name: str = "web", image: str = "/images/a.qcow2", clone: bool = False) -> VMSpec:
    return VMSpec(VM(name, 2, 512, 1.5), UUID, Path(image), clone, 1700000000.25)


def described(asked: VMSpec, platform: Platform = TCG, network: str = "") -> str:
    return domain_xml(asked, [8, 0, 1, 3], asked.image, platform, network)


def read_back(xml: str):
    return observed_vm(read_domain(xml), RUNNING)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_and_path_stay_data(text: str) -> None:
    path = f"/images/{text.replace('/', '_')}"
    asked = order(text, path)
    xml = described(asked)
    domain = read_domain(xml)
    assert domain.findtext("name") == text
    assert [source.get("file") for source in domain.iter("source")] == [path]
    assert [element.tag for element in domain.iter()] == [
        element.tag for element in read_domain(described(order())).iter()
    ]
    assert read_back(xml).spec == asked


@given(
    printable,
    file_names,
    st.integers(1, 64),
    st.integers(1, 10**6),
    st.integers(1000, 9999),
    st.booleans(),
    st.floats(0, 1e12),
)
def test_a_spec_is_read_back_unchanged(
    name: str, file: str, vcpus: int, memory: int, milli: int, clone: bool, created: float
) -> None:
    asked = VMSpec(
        VM(name, vcpus, memory, milli / 1000), UUID, Path("/images") / file, clone, created
    )
    guest = read_back(described(asked))
    assert guest.spec == asked
    assert (guest.name, guest.uuid, guest.vcpus) == (name, UUID, vcpus)
    assert guest.is_unfinished


def test_a_spec_is_the_same_once_the_creation_has_ended() -> None:
    asked = order(name="a", image="/images/a'\"<&>b.qcow2")
    domain = read_domain(described(asked))
    element = etree.fromstring(finished_text(unfinished_element(asked)))
    element.tag = TAG  # as libvirt does with the namespace that it is given
    domain.find("metadata")[:] = [element]
    guest = observed_vm(domain, RUNNING)
    assert (guest.spec, guest.is_unfinished) == (asked, False)


def test_a_vm_is_pinned_from_its_start() -> None:
    guest = read_back(described(order()))
    assert guest.vcpu_pins == ((0, 1, 3, 8), (0, 1, 3, 8))
    assert guest.emulator_pins == (0, 1, 3, 8)
    assert guest.is_pinned_to([8, 3, 1, 0])


@pytest.mark.parametrize("image", ["/images/\x00", "/images/\x1b[1m", "/images/\udcff"])
def test_characters_that_xml_does_not_allow_are_refused(image: str) -> None:
    with pytest.raises(HypervisorError) as refused:
        described(order(image=image))
    assert refused.value.code == "image_invalid"


@pytest.mark.parametrize("platform", [KVM, TCG])
@pytest.mark.parametrize("network", ["", "default"])
@pytest.mark.parametrize("image", ["/images/a.qcow2", "/images/a'\"<&>b.qcow2"])
def test_libvirt_accepts_the_xml(
    platform: Platform, network: str, image: str, tmp_path: Path
) -> None:
    if not (shutil.which("virt-xml-validate") and shutil.which("xmllint")):
        pytest.skip("virt-xml-validate or xmllint is missing (libvirt-clients, libxml2-utils)")
    file = tmp_path / "domain.xml"
    file.write_text(described(order(image=image), platform, network), encoding="utf-8")
    result = subprocess.run(
        ["virt-xml-validate", file, "domain"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def capabilities(domain_type: str, **modes: str) -> str:
    supported = "".join(
        f"<mode name='{mode.replace('_', '-')}' supported='{yes}'/>" for mode, yes in modes.items()
    )
    return (
        "<domainCapabilities><path>/usr/bin/qemu-system-x86_64</path>"
        f"<domain>{domain_type}</domain><machine>pc-q35-7.2</machine><arch>x86_64</arch>"
        f"<cpu>{supported}</cpu></domainCapabilities>"
    )


def test_the_cpu_is_the_best_that_libvirt_offers() -> None:
    assert platform_of(capabilities("kvm", maximum="yes", host_passthrough="yes")) == KVM
    tcg = platform_of(capabilities("qemu", host_passthrough="no", maximum="yes"))
    assert (tcg.domain_type, tcg.cpu_mode) == ("qemu", "maximum")
    old = platform_of(capabilities("qemu", host_passthrough="no"))
    assert old.cpu_mode == ""
    assert read_domain(described(order(), old)).find("cpu") is None


# Metadata is not to be trusted ------------------------------------------------------------------


def with_metadata(**changes: str | None) -> str:
    domain = read_domain(described(order()))
    element = domain.find(f"metadata/{{{NAMESPACE}}}vm")
    for key, value in changes.items():
        if value is None:
            del element.attrib[key]
        else:
            element.set(key, value)
    return etree.tostring(domain, encoding="unicode")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("level", "0.5"),
        ("level", "nan"),
        ("level", "1.23456"),
        ("level", "many"),
        ("level", None),
        ("vcpus", "0"),
        ("vcpus", "-2"),
        ("vcpus", "2.0"),
        ("vcpus", "٢"),
        ("vcpus", "9" * 5000),
        ("memory_mib", ""),
        ("memory_mib", None),
        ("image", "a.qcow2"),
        ("image", ""),
        ("image", None),
        ("clone", "perhaps"),
        ("clone", None),
        ("created", "inf"),
        ("created", "-1"),
        ("created", None),
        ("uuid", "00000000-0000-4000-8000-000000000000"),
        ("uuid", "x"),
        ("uuid", None),
    ],
)
def test_a_vm_with_invalid_metadata_is_unmanaged(key: str, value: str | None) -> None:
    assert read_back(with_metadata(**{key: value})).spec is None


def test_a_vm_without_metadata_or_with_two_of_them_is_unmanaged() -> None:
    domain = read_domain(described(order()))
    metadata = domain.find("metadata")
    metadata.append(etree.fromstring(etree.tostring(metadata[0])))
    assert read_back(etree.tostring(domain, encoding="unicode")).spec is None
    domain.remove(metadata)
    assert read_back(etree.tostring(domain, encoding="unicode")).spec is None


# Domains of others ------------------------------------------------------------------------------


def foreign(inside: str, vcpu: str = "<vcpu>2</vcpu>"):
    return observed_vm(
        read_domain(
            f"<domain><name>x</name><uuid>{UUID}</uuid><memory unit='KiB'>1048577</memory>"
            f"{vcpu}{inside}</domain>"
        ),
        RUNNING,
    )


def test_pins_of_an_unmanaged_vm() -> None:
    unpinned = foreign("")
    assert (unpinned.vcpu_pins, unpinned.emulator_pins) == (None, None)
    assert (unpinned.memory_mib, unpinned.spec) == (1025, None)
    half = foreign("<cputune><vcpupin vcpu='1' cpuset='3'/></cputune>")
    assert half.vcpu_pins is None
    one_of_two = foreign(
        "<cputune><vcpupin vcpu='0' cpuset='3'/></cputune>", vcpu="<vcpu current='1'>2</vcpu>"
    )
    assert (one_of_two.vcpus, one_of_two.vcpu_pins) == (1, ((3,),))
    by_default = foreign(
        "<cputune><vcpupin vcpu='1' cpuset='3'/></cputune>",
        vcpu="<vcpu placement='static' cpuset='0-1,7'>2</vcpu>",
    )
    assert by_default.vcpu_pins == ((0, 1, 7), (3,))
    assert by_default.emulator_pins == (0, 1, 7)


def test_an_affinity_that_libvirt_does_not_know_is_shown() -> None:
    domain = read_domain(described(order()))
    result = observed_vm(domain, RUNNING, [(0, 1, 3), (0, 1, 2, 3, 8)], online={0, 1, 2, 3, 8})
    assert result.vcpu_pins == ((0, 1, 3), (0, 1, 2, 3, 8))
    offline = observed_vm(domain, RUNNING, [(0, 1, 3), (0, 1, 3)], online={0, 1, 2, 3})
    assert offline.vcpu_pins == ((0, 1, 3, 8),) * 2


def test_all_files_of_a_domain_are_found() -> None:
    domain = read_domain(
        """<domain><devices>
        <disk type='file' device='disk'><source file='/a'/><backingStore type='file'>
          <source file='/b'/><backingStore type='file'><source file='/c'/><backingStore/>
        </backingStore></backingStore><mirror type='file'><source file='/m'/></mirror></disk>
        <disk type='file' device='cdrom'><source file='/iso'/><readonly/></disk>
        <disk type='file' device='cdrom'><readonly/></disk>
        <disk type='block' device='disk'><source dev='/dev/sdz'/></disk>
        <disk type='network' device='disk'><source protocol='rbd' name='pool/x'/></disk>
        <disk type='volume' device='disk'><source pool='p' volume='v'/></disk>
        </devices></domain>"""
    )
    assert disks_of(domain) == [
        Disk(Path("/a"), is_written=True),
        Disk(Path("/m"), is_written=True),
        Disk(Path("/b"), is_written=False),
        Disk(Path("/c"), is_written=False),
        Disk(Path("/iso"), is_written=False),
        Disk(Path("/dev/sdz"), is_written=True),
        Volume("p", "v", is_written=True),
    ]


def test_labels_are_read_back() -> None:
    labels = {"team": "web", "example.org/tier": "a.b_c-d", "spare": ""}
    asked = VMSpec(VM("a", 2, 512, 1.5), UUID, Path("/a.qcow2"), False, 0.5, labels)
    xml = domain_xml(asked, [0], Path("/a.qcow2"), KVM, "")
    assert read_back(xml).spec == asked
    unlabelled = read_back(with_metadata()).spec
    assert unlabelled is not None
    assert unlabelled.labels == {}


def test_metadata_of_a_later_release_are_read_and_kept() -> None:
    """What this release does not know survives the end of a creation."""
    element = etree.fromstring(with_metadata()).find(f"metadata/{TAG}")
    assert element is not None
    element.set("unfinished", "yes")
    element.set("disk_gib", "20")
    etree.SubElement(element, f"{{{NAMESPACE}}}network", name="front")
    etree.SubElement(element, "{urn:other}note").text = "kept"
    finished = etree.fromstring(finished_text(element))
    assert finished.get("unfinished") is None
    assert finished.get("disk_gib") == "20"
    assert [(etree.QName(each).localname, each.text) for each in finished] == [
        ("network", None),
        ("note", "kept"),
    ]
    domain = etree.fromstring(with_metadata())
    metadata = domain.find("metadata")
    assert metadata is not None
    metadata[:] = [element]
    vm = observed_vm(domain, RUNNING)
    assert vm.is_unfinished
    assert vm.spec == read_back(with_metadata()).spec


def test_labels_that_are_not_valid_do_not_make_a_vm_unmanaged() -> None:
    spec = read_back(with_metadata(labels="a=b,a=c")).spec
    assert spec is not None
    assert spec.labels == {}
