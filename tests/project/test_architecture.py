"""ARCHITECTURE.md describes the tree: its map, its names and its glossary are true."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "ARCHITECTURE.md").read_text()
CODE = "\n".join(
    path.read_text()
    for folder in ("daemons", "analysis")
    for path in sorted((ROOT / folder).rglob("*.py"))
)


def section(title: str) -> str:
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[tuple[str, str]]:
    """Return the two cells of each row of a section's table, without its head."""
    found = re.findall(r"^\| (.+?) \| (.+) \|$", section(title), re.MULTILINE)
    return [(left, right) for left, right in found if set(left) != {"-"}][1:]


def places() -> dict[Path, str]:
    """Return the folders and files of the map, and the text of each."""
    found, parent = {}, Path()
    for place, text in rows("Map"):
        for name in re.findall(r"`([^`]+)`", place):
            if name.startswith("… "):
                path = parent / name.removeprefix("… ")
            else:
                path = parent = Path(name)
            found[path] = text
    return found


PLACES = places()


def tracked(*folders: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).exists()]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_each_line_of_the_map_is_about_a_folder_or_file(place: Path) -> None:
    assert (ROOT / place).exists()
    for name in re.findall(r"`([\w/]+\.(?:py|js|html|css))`", PLACES[place]):
        paths = [ROOT / name] if "/" in name else [ROOT / place / name]
        assert paths[0].exists(), f"{place} has no {name}"


def test_each_package_has_a_line_in_the_map() -> None:
    packages = {
        path.parent for path in tracked("daemons", "analysis") if path.name == "__init__.py"
    }
    assert packages
    assert packages - PLACES.keys() == set()


def test_each_module_beside_the_packages_is_named_in_the_map() -> None:
    roots = [path for path in PLACES if path.parts[0] in {"daemons", "analysis"}]
    roots = [path for path in roots if len(path.parts) == (3 if path.parts[0] == "daemons" else 2)]
    assert len(roots) > 4
    for path in tracked(*(str(root) for root in roots)):
        if path.parent in roots and path.suffix == ".py" and not path.name.startswith("__"):
            assert f"`{path.name}`" in PLACES[path.parent], path


def test_each_folder_of_the_checkout_has_a_line_in_the_map() -> None:
    folders = {path.parts[0] for path in tracked(".") if len(path.parts) > 1}
    covered = {path.parts[0] for path in PLACES} | {"docs"}
    assert {name for name in folders if not name.startswith(".")} - covered == set()


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`([A-Z][A-Za-z]*[a-z][A-Za-z]*(?:\.\w+)?)`", DOCUMENT)))
)
def test_each_class_that_is_named_exists(name: str) -> None:
    if name == "MemTotal":  # of /proc/meminfo
        return
    owner, _, attribute = name.partition(".")
    assert re.search(rf"^(?:class {owner}\b|{owner}\b.* = )", CODE, re.MULTILINE)
    assert not attribute or f"def {attribute}(" in CODE


@pytest.mark.parametrize("term", [term for term, _ in rows("Glossary")])
def test_each_term_of_the_glossary_is_used(term: str) -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    texts = [path.read_text() for path in documents] + [CODE]
    used = "\n".join(texts).replace(section("Glossary"), "")
    words = re.sub(r"[-_\s]+", " ", used).lower()
    assert re.search(rf"\b{re.escape(term.lower())}", words)


def test_the_glossary_is_sorted() -> None:
    terms = [term.lower() for term, _ in rows("Glossary")]
    assert len(terms) > 30
    assert terms == sorted(terms)


def test_no_package_has_too_many_modules() -> None:
    """More than 14 beside one another want packages of their own."""
    counts = Counter(
        path.parent.relative_to(ROOT)
        for folder in ("daemons", "analysis/slackanalysis")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
    )
    assert {str(folder): count for folder, count in counts.items() if count > 14} == {}
