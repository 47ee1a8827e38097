"""Policies and selections by name, or by where they are."""

import pytest

from slackvm import plugins
from slackvm.model import POLICIES


def find_policy(name: str) -> object:
    return plugins.find(name, POLICIES, plugins.POLICY_GROUP)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module of the user's own."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_policy.py").write_text("def best(candidates):\n    return candidates.cpus\n")
    return "own_policy"


def test_a_name_that_comes_with_slackvm_is_found():
    assert find_policy("first-fit") is POLICIES["first-fit"]


def test_an_attribute_of_a_module_is_found(module):
    assert find_policy(f"{module}:best").__name__ == "best"


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("best", "'best' is unknown; known: progress, progress-packed, first-fit"),
        ("own_policy:worst", "'own_policy:worst' cannot be loaded (AttributeError: "),
        ("nowhere:best", "'nowhere:best' cannot be loaded (ModuleNotFoundError: No module named"),
        ("two words:best", "invalid format"),
        (":best", "invalid format"),
    ],
)
def test_a_name_that_is_not_found_is_reported_with_the_reason(name, message):
    with pytest.raises(LookupError) as error:
        find_policy(name)
    assert message in str(error.value)


def test_a_module_that_fails_is_reported_with_its_error(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_policy.py").write_text("1 / 0\n")
    with pytest.raises(LookupError, match=r"cannot be loaded \(ZeroDivisionError: division"):
        find_policy("broken_policy:best")
