"""A release has one version, wherever it stands, and a dated section in the changelog."""

import re
import tomllib
from datetime import date
from pathlib import Path

import yaml

from slackvm import __version__

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## (\S+)(?: \((\d{4}-\d{2}-\d{2})\))?$", re.MULTILINE)


def test_every_file_has_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    collection = yaml.safe_load((ROOT / ".config/galaxy.yml").read_text())
    assert {project["version"], citation["version"], collection["version"]} == {__version__}


def test_the_changelog_has_a_section_for_what_comes_and_a_dated_one_for_each_release() -> None:
    sections = SECTION.findall((ROOT / "CHANGELOG.md").read_text())
    assert sections[0] == ("Unreleased", "")
    assert sections[1][0] == __version__
    dates = [date.fromisoformat(day) for _, day in sections[1:]]
    assert dates == sorted(dates, reverse=True)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["date-released"] == sections[1][1]
