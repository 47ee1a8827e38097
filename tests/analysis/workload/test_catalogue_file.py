"""A user's own catalogue."""

from pathlib import Path

import pytest

from slackanalysis.workload.catalogue import Catalogue, Flavour
from slackanalysis.workload.catalogue_file import find_catalogue

GOOD = """\
name: mine
flavours:
  - {vcpus: 1, memory_gib: 0.75, count: 30}
  - {vcpus: 4, memory_gib: 16, count: 10}
"""


def test_a_catalogue_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    assert find_catalogue(str(path)) == Catalogue(
        "mine", (Flavour(1, 768, 30), Flavour(4, 16384, 10))
    )


def test_an_unknown_name_is_reported_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'aws' is unknown: ovhcloud2023, azure2017, or a file"):
        find_catalogue("aws")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the document: Input should be"),
        ("name: [", "not YAML (while parsing"),
        ("\x00", "not YAML"),
        ("name: " + "[" * 5000, "nested too deep"),
        ("name: " + "9" * 5000, "not YAML (Exceeds the limit"),
        (GOOD + '"a\\nb": 1\n', "a\\nb: Extra inputs are not permitted"),
        ("name: mine\n", "flavours: Field required"),
        ("name: mine\nflavours: []\n", "flavours: List should have at least 1 item"),
        (GOOD.replace("mine", "'a,b'"), "name: String should match pattern"),
        (GOOD.replace("mine", "mine\nsizes: 2"), "sizes: Extra inputs are not permitted"),
        (GOOD.replace("vcpus: 4", "vcpus: 0"), "flavours.1.vcpus: Input should be greater than"),
        (GOOD.replace("vcpus: 4", "vcpus: 4.5"), "flavours.1.vcpus: Input should be a valid int"),
        (GOOD.replace("vcpus: 4", "cpus: 4"), "flavours.1.vcpus: Field required"),
        (GOOD.replace("gib: 16", "gib: .nan"), "flavours.1.memory_gib: Input should be a finite"),
        (GOOD.replace("count: 10", "count: -1"), "flavours.1.count: Input should be greater than"),
    ],
)
def test_an_invalid_catalogue_is_reported_with_the_entry(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml: ") as error:
        find_catalogue(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
