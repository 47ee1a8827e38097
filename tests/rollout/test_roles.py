"""Roles: defaults, specifications and READMEs agree on the roles' variables."""

import re
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from schedulerlocal.backends.libvirt.settings import LibvirtSettings
from slackvm.settings import ClientSettings, GlobalSettings, LocalSettings

ROOT = Path(__file__).parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
WORD = re.compile(r"[a-z][a-z0-9_]*")

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def _yaml(path):
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def _defaults(role):
    return _yaml(role / "defaults/main.yml")


def _options(role):
    return _yaml(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def _is_computed(value):
    return isinstance(value, str) and "{{" in value


def _rows(role):
    """Return the rows of a README's table of inputs: variable and default."""
    return dict(
        re.findall(r"^\| `(\w+)` \| (.*?) \|", (role / "README.md").read_text(), re.MULTILINE)
    )


@each_role
def test_every_input_has_a_default_and_a_specification(role):
    assert list(_options(role)) == list(_defaults(role))


@each_role
def test_specified_defaults_are_the_defaults(role):
    literal = {name: value for name, value in _defaults(role).items() if not _is_computed(value)}
    specified = {
        name: option["default"] for name, option in _options(role).items() if "default" in option
    }
    assert specified == literal


@each_role
def test_the_readme_lists_every_input_with_its_default(role):
    rows = _rows(role)
    assert list(rows) == list(_defaults(role))
    for name, value in _defaults(role).items():
        if _is_computed(value):
            assert rows[name] == "computed"
        elif value == "":
            assert rows[name] == "empty"
        else:
            assert yaml.safe_load(rows[name].strip("`")) == value


@each_role
def test_the_readme_lists_every_tag(role):
    used = set(re.findall(rf"\b{role.name}_(?:install|configure|run)\b", _tags(role / "tasks")))
    [listed] = re.findall(r"^Tags: (.*)$", (role / "README.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", listed)) == used


def _tags(folder):
    texts = (path.read_text() for path in folder.glob("*.yml"))
    return "\n".join(re.findall(r"tags: \[(.*)\]", "\n".join(texts)))


@each_role
def test_names_of_inputs_begin_with_the_name_of_their_role(role):
    assert all(name.startswith(f"{role.name}_") for name in _defaults(role))


@each_role
def test_every_input_is_used(role):
    # The settings of a daemon are looked up by the names of their keys.
    looked_up = {f"slackvm_env_{key.lower()}" for key in _keys()}
    used = set()
    for path in (ROOT / "roles").rglob("*"):
        if path.is_file() and path.parent.name not in ("meta",) and path.name != "README.md":
            text = path.read_text()
            if path.parent.name == "defaults":
                text = re.sub(r"^\w+:", "", text, flags=re.MULTILINE)
            used |= set(WORD.findall(text))
    assert set(_defaults(role)) - used - looked_up == set()


def test_the_settings_files_hold_every_key_of_dotenv():
    assert set(dotenv_values(ROOT / "dotenv")) <= set(_keys())


@pytest.mark.parametrize(
    ("daemon", "settings"),
    [
        ("local", [LocalSettings, LibvirtSettings]),
        ("global", [GlobalSettings]),
        ("client", [ClientSettings]),
    ],
)
def test_a_settings_file_holds_every_setting_of_its_reader(daemon, settings):
    wanted = {name.upper() for model in settings for name in model.model_fields}
    if daemon == "client":
        # The controller's own are in its own file, which users of the client may not read.
        wanted = {name for name in wanted if name.startswith("SLACKVM_")} | {"SCG_TOKEN_FILE"}
    assert set(_keys(daemon)) == wanted


def _keys(daemon=None):
    keys = _yaml(ROOT / "roles/slackvm_env/vars/main.yml")["slackvm_env_keys"]
    chosen = [keys[daemon]] if daemon else keys.values()
    return [key for text in chosen for key in re.findall(r"[A-Z]+(?:_[A-Z]+)+", text)]


def test_every_variable_of_the_example_inventory_belongs_to_a_role():
    text = (ROOT / "inventory.example").read_text()
    named = set(re.findall(r"^\s*(?:# )?((?:hypervisor|slackvm)_\w+):", text, re.MULTILINE))
    known = {name for role in ROLES for name in _defaults(role)}
    assert named - known == {"slackvm_controller", "slackvm_hosts", "slackvm_monitoring"}
