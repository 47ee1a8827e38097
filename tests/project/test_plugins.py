"""Policies and selections by name, or by where they are."""

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from packages import install
from slackvm import plugins
from slackvm.model import (
    POLICIES,
    VM,
    Candidates,
    Fleet,
    HostSummary,
    PlacementRequest,
    Policy,
    place,
)
from slackvm.plugins import find_policy

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module of the user's own."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_policy.py").write_text("def best(candidates):\n    return candidates.cpus\n")
    (tmp_path / "own_data.py").write_text("number = 3\n")
    return "own_policy"


def test_a_name_that_comes_with_slackvm_is_found():
    assert find_policy("first-fit") is POLICIES["first-fit"]


def test_an_attribute_of_a_module_is_found(module):
    policy = find_policy(f"{module}:best")
    assert policy.score.__name__ == "best"
    assert policy.name == "own_policy:best"
    assert not policy.host_local


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("best", "'best' is unknown; known: progress, progress-packed, first-fit"),
        ("own_policy:worst", "'own_policy:worst' cannot be loaded (AttributeError: "),
        ("nowhere:best", "'nowhere:best' cannot be loaded (ModuleNotFoundError: No module named"),
        ("two words:best", "invalid format"),
        (":best", "invalid format"),
        ("own_data:number", "own_data:number: 3 is not a policy: it must be a function"),
    ],
)
def test_a_name_that_is_not_found_is_reported_with_the_reason(name, message):
    with pytest.raises(LookupError) as error:
        find_policy(name)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", r"cannot be loaded \(ZeroDivisionError: division"),
        ("raise SystemExit(5)", r"cannot be loaded \(SystemExit: 5"),
        ("class A:\n @property\n def score(self): 1 / 0\nbest = A()", "division by zero"),
    ],
)
def test_a_module_that_fails_is_reported_with_its_error(code, message, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_policy", raising=False)
    (tmp_path / "broken_policy.py").write_text(f"{code}\n")
    with pytest.raises(LookupError, match=message):
        find_policy("broken_policy:best")


def test_the_example_of_the_page_about_policies_filters_by_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by the name of its entry point, and it filters, scores and explains."""
    code, declaration = re.findall(r"^```(?:python|toml)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    group, entry = declaration.splitlines()
    assert group == f'[project.entry-points."{plugins.POLICY_GROUP}"]'
    install(tmp_path, "zones", plugins.POLICY_GROUP, entry.replace('"', ""), code)
    monkeypatch.syspath_prepend(tmp_path)
    policy = find_policy("same-zone")
    assert policy.host_local

    fleet = Fleet(
        HostSummary(name, 8, 8192, 8, free, {}, labels={"zone": zone})
        for name, zone, free in (("a1", "a", 2048), ("b1", "b", 4096), ("b2", "b", 3072))
    )
    vm = VM("vm", 1, 1024, 1.0)
    placement = place(fleet, PlacementRequest(vm, labels={"zone": "b"}), policy)
    assert placement.host == 2
    refusal = placement.refusal(fleet, 0)
    assert refusal is not None
    assert refusal.message == "the placement policy does not use the host: same-zone"
    explanation = policy.explanation(placement.candidates)
    assert explanation["memory_free_gib"].tolist() == [2.0, 4.0, 3.0]
    assert place(fleet, PlacementRequest(vm), policy).host == 0
    assert place(fleet, PlacementRequest(vm, labels={"zone": "c"}), policy).host is None


def test_the_page_about_policies_has_everything_that_a_policy_sees_and_declares() -> None:
    text = PAGE.read_text()
    seen = [name for name in vars(Candidates) if not name.startswith("_")]
    hidden = {"count", "index", "vnodes"}
    declared = [field.name for field in fields(Policy) if field.type == "bool"]
    for name in [*(set(seen) - hidden), *declared]:
        assert re.search(rf"`{name}\b", text), name
